"""The words that tell beside a name what it names, folded as pipeline/text.py folds them."""

from __future__ import annotations

TITLES = frozenset(
    """
    president premier minister chancellor secretary general king queen prince princess pope senator sen rep
    governor gov mayor ambassador spokesman spokeswoman spokesperson leader chairman chairwoman chief commander
    judge justice professor prof dr mr mrs ms miss sir lord lady dame colonel col captain admiral marshal lieutenant
    sergeant major congressman congresswoman representative director oligarch dictator founder analyst attorney
    prosecutor treasurer archbishop bishop cardinal imam ayatollah sheikh sultan emir baroness baron duke
    duchess officer inspector detective constable coach manager striker midfielder goalkeeper defender singer actor
    actress novelist author writer poet painter conductor composer billionaire economist historian lawyer
    brother sister son daughter wife husband father mother widow widower partner
    journalist reporter correspondent candidate envoy negotiator deputy councillor editor rapper physicist chemist
    biologist astronomer researcher scientist activist teammate
    prasident prasidentin kanzler bundeskanzler bundeskanzlerin ministerin bundesprasident herr frau
    ministerprasident kanzlerin minister burgermeister oberburgermeister vorsitzende vorsitzender sprecher
    sprecherin chef
    presidente ministre ministra ministro ministerio fiscal alcalde alcaldesa juez jueza senor senora doctor
    papa rey reina premiere maire juge monsieur madame mme procureur procureure presidente presidenta canciller
    senador senadora gobernador gobernadora deputado deputada governador sindaco procuratore re premier
    прeзидент президент министр премьер генерал губернатор мэр депутат посол канцлер президента министра
    прем єр міністр генерал
    """.split()
)
TITLE_TAILS = (
    "minister",
    "ministerin",
    "prasident",
    "prasidentin",
    "kanzler",
    "kanzlerin",
    "meister",
    "chef",
    "sprecher",
)
"""German puts an office into one word: Verteidigungsminister."""
PRECEDES_OFFICE = ("administration of", "government of", "presidency of", "led by", "presided over by", "headed by",
                   "chaired by", "founded by", "run by", "written by", "directed by", "according to")  # fmt: skip
ORGANISATION_TAILS = frozenset(
    """
    service agency ministry council committee commission party union bank group corporation corp company co inc ltd
    plc
    gmbh ag sa university institute association federation organisation organization authority office bureau
    department court parliament congress senate assembly army navy police guard alliance front movement fund
    foundation forum broadcaster times post tribune telegraph herald gazette airlines airways industries
    force forces orchestra philharmonic laboratory observatory hospital college school academy museum society club
    trust
    league cooperative bundesbank zentralbank partei universitat ministerium holdings partners capital motors energy
    pharmaceuticals technologies systems media studios records press brigade militia mission board exchange cross
    crescent
    rovers wanderers fc athletics aviation power aerospace railways chamber registry squad network
    """.split()
)
ORGANISATION_HEADS = frozenset(
    """
    ministry department bank university institute council office house court committee bureau board
    organisation organization association federation commission academy school college society union agency
    centre center museum league church
    tribunal ministerio ministere universidad universite universita banco banque banca organizacion organisation
    partido parti
    partito corte consejo conseil consiglio instituto institut istituto comision comite asociacion federacion
    federation
    universidade ministero organizzazione organizacao conselho comissao
    """.split()
)
DESCRIBES_ORGANISATION = frozenset(
    """
    carmaker automaker planemaker chipmaker drugmaker airline retailer bank company firm giant brewer insurer lender
    supermarket broadcaster newspaper magazine journal club team party group militia movement agency startup
    start-up
    operator manufacturer publisher charity union owner maker miner producer constructora entreprise groupe
    konzern empresa grupo azienda gruppo diario journal tageszeitung firma rival studio label band
    """.split()
)
BEHIND_ORGANISATION = frozenset(
    """
    news agency newspaper broadcaster television shares profits employs said’s stock workers customers
    fans supporters lawmakers fighters militants spokesman spokeswoman executives airline subsidiary
    """.split()
)
BEHIND_PLACE = frozenset(
    "region oblast province district peninsula county prefecture valley desert airport border city coast".split()
)
PLACE_TAILS = frozenset(
    """
    sea ocean lake river mountains mountain valley desert strait gulf bay island islands peninsula coast county
    province
    oblast district park street avenue square airport heights port beach canyon canal hills city stadium bridge
    jail prison
    """.split()
)
PLACE_HEADS = frozenset("lake mount gulf strait rio san santa sierra isle cape".split())
SPEAKS_OF_PLACE = frozenset("in near outside across around throughout".split())
"""What stands before a place and hardly before anything else with a capital."""
MAY_SPEAK_OF_PLACE = frozenset(
    """
    in near outside across around throughout at from to of off between into over toward towards through via entered
    reached left invaded captured retook seized bombed shelled visited and
    en a im aus nach nel da di em в из на
    """.split()
)
SPEAKS = frozenset(
    """
    said says told asked wrote added warned argued claimed denied called urged insisted explained thinks believes
    hopes
    won beat scored missed missing finished wins leads founded joined resigned died met shook appeared accused
    defended praised
    thanked blamed refused promised broke leaves left became plays played moves was who is has had would will must
    may
    sagte erklarte schrieb dijo afirmo declaro
    """.split()
)
PARTICLES = frozenset(
    "de la le van von der den bin ibn al el du da dos das di del della ter ten bint abu ben ap".split()
)
STRIPPED = frozenset(
    """
    january february march april june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday the a an in on at but and or if when while after before since
    for from with by as it its he she they we i you his her their our this that these those there here what who why
    how
    where not no yes some many most more four five six seven eight nine ten however although though
    because both each every former several hundreds thousands meanwhile according during under over about
    against then now still only also even once updated of to
    montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi dimanche
    die der das den dem ein eine un une lo os am im в на из по как но
    """.split()
)
"""Words that begin a sentence in front of a name."""
ARTICLES = frozenset("la le les el los las il gli l o a os as".split())
ADJECTIVES = frozenset(
    """
    north south east west northern southern eastern western central american british english scottish welsh irish
    french
    german italian spanish portuguese dutch belgian swiss austrian polish czech slovak hungarian romanian bulgarian
    greek turkish russian ukrainian belarusian serbian croatian bosnian albanian georgian armenian azerbaijani
    swedish
    norwegian danish finnish estonian latvian lithuanian chinese japanese korean vietnamese thai indonesian
    malaysian
    philippine filipino indian pakistani bangladeshi afghan iranian persian iraqi syrian lebanese israeli
    palestinian jordanian
    saudi emirati qatari kuwaiti yemeni omani egyptian libyan tunisian algerian moroccan sudanese ethiopian kenyan
    ugandan tanzanian rwandan congolese nigerian ghanaian malian african asian european arab kurdish canadian
    mexican
    brazilian argentine chilean colombian peruvian venezuelan cuban australian former democratic republican
    """.split()
)
NO_NAMES = (
    ADJECTIVES
    | STRIPPED
    | frozenset(
        """
    may christmas easter ramadan all one two three mr mrs ms dr sir breaking analysis opinion video live watch
    crown god covid internet ai ceo gdp tv dna pm mp mps hiv suv vat aids ok usb uk us
    first second third new western eastern northern southern north south east west
    republican democrat republicans democrats conservative conservatives christian christians muslim muslims
    jewish jews catholic catholics olympic olympics world cup state jr la le les el los las il gli
    """.split()
    )
)
"""Words with a capital that name nobody by themselves."""
CHINESE_AND_KOREAN = frozenset(
    """
    kim lee park choi jung jeong kang cho yoon jang lim han oh seo shin kwon hwang ahn song hong moon xi li wang
    zhang liu
    chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin luo gao liang tang hui ho nguyen tran pham le
    """.split()
)
"""Surnames that come first."""
PAIRS = frozenset({("food", "drug"), ("ways", "means"), ("health", "human"), ("trade", "industry"), ("oil", "gas"),
                   ("science", "technology"), ("customs", "border"), ("food", "agriculture"), ("arts", "sciences"),
                   ("securities", "exchange"), ("justice", "development"), ("culture", "sport")})  # fmt: skip
"""What an "and" inside a name stands between."""
