"""Feeds as Hypothesis writes them: the elements of real ones in any order and number, with what is odd about them."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "media": "http://search.yahoo.com/mrss/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "thr": "http://purl.org/syndication/thread/1.0",
    "nyt": "http://www.nytimes.com/namespaces/rss/2.0",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "atom": "http://www.w3.org/2005/Atom",
}
DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())

WORDS = st.sampled_from(
    [
        "Kursk",
        "a & b",
        "A &amp; B",
        "<b>bold</b>",
        "1 < 2",
        "if a<b and c>d then <Kursk> holds",
        "Größe",
        "cafÃ©",
        "\x92quoted\x93",
        "北京",
        "é",
        "",
        " ",
        "x\ny",
        "&nbsp;",
        "&#8217;",
        "&lt;i&gt;",
        "]]",
        "Ada Writer",
        "mail@a.example",
        "mail@a.example (Ada Writer)",
        "a,b , c",
    ]
)
TEXT = st.one_of(WORDS, st.lists(WORDS, min_size=1, max_size=3).map(" ".join))
PLAIN_LINK = st.sampled_from(
    [
        "https://a.example/1",
        "http://a.example/2?x=1&y=2",
        "/three",
        "four",
        "?p=5",
        "#6",
        "//b.example/7",
        "",
        " ",
        "https://a.example/8;v=1?",
        "HTTP://A.example/9",
        "tag:a.example,2026:1",
        "urn:uuid:1",
        "mailto:x",
        "a b",
        "https://a.example/ü",
        "javascript:alert(1)",
        "https://a.example/1#0",
        "https://a.example/a/../b",
    ]
)
ODD_LINK = st.sampled_from(["https://a.example/11?a=1&amp;b=2", "http://[bad/12", "http:///10"])
LINK = st.one_of(*[PLAIN_LINK] * 4, WORDS)
PLAIN_DATE = st.sampled_from(
    [
        "Sun, 01 Mar 2026 13:00:00 +0100",
        "Sun, 01 Mar 2026 13:00:00 GMT",
        "1 Mar 26 13:00 EST",
        "01 Mar 2026",
        "2026-03-01T13:00:00Z",
        "2026-03-01T13:00:00.123+01:00",
        "2026-03-01 13:00",
        "2026-03-01",
        "1772366400",
        "Mon, 01 Jan 0001 00:00:00 +0000",
        "1970-01-01T00:00:00Z",
        "",
    ]
)
ODD_DATE = st.sampled_from(
    [
        "March 1, 2026",
        "Sun, 31 Feb 2026 13:00:00 GMT",
        "Sun Mar  1 13:00:00 2026",
        "Sun, 01 Mar 2026 25:61:00 GMT",
        "2026-13-01",
        "so 01 März 2026",
        "soon",
        "Sun, 01 Mar 2026 13:00:00 XYZ",
        "Sun, 01 Mar 2026 13:00:00 +9900",
        "0000-00-00",
        "9999-12-31T23:59:59-01:00",
    ]
)


@st.composite
def _texts(draw, tag: str, text=TEXT, attributes=("",)) -> str:
    value = draw(text)
    inside = f"<![CDATA[{value}]]>" if draw(st.booleans()) and "]]" not in value else escape(value)
    comment = draw(st.sampled_from(["", "", "", "<!-- c -->", "<?pi x?>"]))
    return f"<{tag}{draw(st.sampled_from(attributes))}>{comment}{inside}</{tag.partition(' ')[0]}>"


def _links(tag: str, **fixed: str):
    return st.builds(
        lambda href, rel, kind: f"<{tag} {rel} {kind} href={quoteattr(href)}/>",
        LINK,
        st.sampled_from(
            ["", 'rel="alternate"', 'rel="self"', 'rel="hub"', 'rel="enclosure"', 'rel="ALTERNATE"', 'rel="via"']
        ),
        st.sampled_from(["", 'type="text/html"', 'type="Text/HTML"', 'type="audio/mpeg"', 'length="9"', 'title="t"']),
    )


TYPES = ("", "", ' type="text"', ' type="html"', ' type="text/plain"', ' xml:lang="de_CH"', ' xml:base="/b/"')
ODD_ELEMENT = st.sampled_from(
    [
        '<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">A <i>b</i></div></title>',
        "<description>a <b>b</b></description>",
        '<link xml:base="https://b.example/">x</link>',
        '<content type="application/octet-stream">aGk=</content>',
        "<item><title>inner</title></item>",
        "<media:group><media:title>M</media:title><media:description>MD</media:description></media:group>",
        '<media:content url="u" lang="en"/>',
        "<published_parsed>x</published_parsed>",
        "<links>x</links>",
        "<body>x</body>",
        "<name>x</name>",
        "<where>x</where>",
        '<title lang="de">T</title>',
        '<author xml:lang="de">A</author>',
        "<author><email>e@a.example</email></author>",
        "<Title>T</Title>",
        "<dc:CREATOR>C</dc:CREATOR>",
        '<x:y xmlns:x="urn:x"><title>T</title></x:y>',
        '<dc:title xmlns:dc="urn:x">T</dc:title>',
        '<y xmlns="urn:x">T</y>',
    ]
)
ODD = st.one_of(
    ODD_ELEMENT,
    _texts("link", ODD_LINK),
    _texts("guid", ODD_LINK),
    _texts("pubDate", st.one_of(ODD_DATE, TEXT)),
    _texts("updated", st.one_of(ODD_DATE, TEXT)),
    _texts("media:title"),
)
FOREIGN = st.sampled_from(
    [
        "<slash:comments>3</slash:comments>",
        '<thr:total a="b">3</thr:total>',
        '<nyt:x><nyt:y k="v">t</nyt:y></nyt:x>',
        "<thumb>x</thumb>",
        "<wfw:commentRss>https://a.example/c</wfw:commentRss>",
        '<media:thumbnail url="https://a.example/t.png"/>',
        '<media:content url="https://a.example/t.png"><media:credit role="r">C</media:credit></media:content>',
        '<media:content url="u"><media:description>MD</media:description></media:content>',
        '<media:content url="u"><media:title>MT</media:title><media:keywords>k, l</media:keywords></media:content>',
        "<itunes:duration>3</itunes:duration>",
        '<itunes:image href="i.png"/>',
        '<dc:identifier scheme="s">i</dc:identifier>',
        "<atom:contributor><atom:name>N</atom:name></atom:contributor>",
    ]
)
PEOPLE = st.one_of(
    st.sampled_from(["author", "dc:creator", "itunes:author", "atom:author"]).flatmap(_texts),
    st.builds(
        lambda name, more: f"<atom:author>\n<atom:name>{escape(name)}</atom:name>{more}</atom:author>",
        TEXT,
        st.sampled_from(["", "<atom:email>e@a.example</atom:email>", "<atom:uri>/u</atom:uri>", "<nyt:z/>"]),
    ),
)
TAGS = st.one_of(
    _texts("category", attributes=("", "", ' domain="d"', ' term="t"', ' term="t" scheme="s"', ' label="l"')),
    _texts("dc:subject"),
    _texts("media:keywords"),
    _texts("itunes:keywords"),
)
DATES = st.sampled_from(
    ["pubDate", "published", "dc:date", "updated", "dcterms:created", "dcterms:modified", "atom:updated"]
).flatmap(lambda tag: _texts(tag, PLAIN_DATE))
ENTRY = st.one_of(
    _texts("title", attributes=TYPES),
    _texts("title"),
    _texts("link", LINK),
    _links("link"),
    _links("atom:link"),
    _texts("guid", LINK, ("", ' isPermaLink="false"', ' isPermaLink="true"', ' ispermalink="False"')),
    _texts("id", LINK),
    st.sampled_from(
        ["description", "summary", "content", "content:encoded", "itunes:summary", "media:description"]
    ).flatmap(lambda tag: _texts(tag, attributes=TYPES)),
    _texts("dc:title"),
    DATES,
    PEOPLE,
    TAGS,
    FOREIGN,
    st.builds(lambda url: f'<enclosure url={quoteattr(url)} type="Audio/MPEG" length="12"/>', LINK),
    st.sampled_from(
        [
            '<source url="https://s.example/">S</source>',
            "<source><title>S</title><id>1</id><updated>x</updated></source>",
        ]
    ),
)
FEED = st.one_of(
    _texts("title", attributes=TYPES),
    _texts("link", LINK),
    _links("link"),
    _links("atom:link"),
    _texts("id", LINK),
    _texts("language"),
    _texts("dc:language"),
    _texts("description"),
    _texts("itunes:summary"),
    _texts("ttl", st.sampled_from(["30", "x", "", "-1", "99999999999", "²"])),
    st.sampled_from(
        [
            "<sy:updatePeriod>hourly</sy:updatePeriod>",
            "<sy:updateFrequency> 2 </sy:updateFrequency>",
            "<skipHours><hour>1</hour><hour>24</hour><hour>x</hour></skipHours>",
            "<skipDays><day>Sunday</day><day>Monday</day></skipDays>",
            "<image><title>I</title><url>u</url><link>/i</link></image>",
            "<textInput><title>I</title><name>n</name><link>/i</link><description>d</description></textInput>",
            "<itunes:owner><itunes:name>O</itunes:name></itunes:owner>",
            '<itunes:category text="a"><itunes:category text="b"/></itunes:category>',
            '<category term="x"/>',
            "<managingEditor>m@a.example (M)</managingEditor>",
            "<author><name>N</name></author>",
            '<cloud domain="d"/>',
            "<thumb>x</thumb>",
            "<atom:updated>2026-03-01T00:00:00Z</atom:updated>",
        ]
    ),
)


@st.composite
def entries(draw) -> str:
    """The elements of an entry: one in ten entries has something that is not ordinary."""
    elements = draw(st.lists(ENTRY, min_size=1, max_size=8))
    if draw(st.integers(0, 9)) == 9:
        elements.insert(draw(st.integers(0, len(elements))), draw(ODD))
    return "\n".join(elements)


LANGUAGE = st.sampled_from(["", ' xml:lang="de-CH"', ' xml:lang="en_US"', ' xml:lang=""', ' lang="fr"'])
PROLOG = st.sampled_from(
    [
        "",
        '<?xml version="1.0"?>',
        '<?xml version="1.0" encoding="utf-8"?>\n',
        '<?xml version="1.0"?><!-- c -->\n',
        '<?xml version="1.0"?><!DOCTYPE rss>',
        "\n",
    ]
)


@st.composite
def feeds(draw) -> bytes:
    """An RSS 2.0, RSS 1.0 or Atom document, well-formed, of elements that are mostly ordinary."""
    said, found = "\n".join(draw(st.lists(FEED, max_size=6))), draw(st.lists(entries(), min_size=1, max_size=4))
    late = draw(st.one_of(st.just(""), FEED))
    prolog, language = draw(PROLOG), draw(LANGUAGE)
    shape = draw(st.sampled_from(["rss", "atom", "rdf"]))
    if shape == "rss":
        items = "\n".join(f"<item>{entry}</item>" for entry in found)
        root = f'<rss version="2.0" {DECLARED}{language}><channel>{said}{items}{late}</channel></rss>'
    elif shape == "atom":
        items = "\n".join(f"<entry>{entry}</entry>" for entry in found)
        root = f'<feed xmlns="http://www.w3.org/2005/Atom" {DECLARED}{language}>{said}{items}{late}</feed>'
    else:
        about = draw(st.sampled_from(["", ' rdf:about="https://a.example/about"', ' rdf:about="/r"']))
        items = "\n".join(f"<item{about}>{entry}</item>" for entry in found)
        seq = "<items><rdf:Seq><rdf:li rdf:resource='x'/></rdf:Seq></items>"
        root = (
            f'<rdf:RDF xmlns="http://purl.org/rss/1.0/" {DECLARED}{language}>'
            f"<channel>{said}{seq}</channel>{items}{late if late.startswith('<image') else ''}</rdf:RDF>"
        )
    return (prolog + root).encode("utf-8", "replace")
