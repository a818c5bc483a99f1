// What htmx asked for in vain is told where it was to stand: what stands there from before is of another question.
"use strict";

const UNREACHABLE = ["This can't be had now", "The console does not answer. What stands in the form is not lost: try again in a while."];

function told(event, title, cure) {
  const { target, elt } = event.detail;
  if (!target || target === elt) return; // its own fallback stands there
  const card = document.createElement("section");
  card.className = "card";
  card.setAttribute("role", "alert");
  for (const [name, text] of [["h2", title], ["p", cure]]) {
    const line = document.createElement(name);
    line.textContent = text;
    card.append(line);
  }
  target.replaceChildren(card);
}

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => told(event, ...UNREACHABLE));
}

document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  const page = new DOMParser().parseFromString(responseText, "text/html"); // runs nothing, and is not shown
  const said = (name) => page.querySelector(`main ${name}`)?.textContent ?? "";
  told(event, said("h1") || "This can't be had now", said("p") || `The console answered ${status}. Try again in a while.`);
});
