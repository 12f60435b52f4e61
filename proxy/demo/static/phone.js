"use strict";

// The server tells only that something arrived; the page fetches itself and takes over the list.
const list = document.getElementById("messages");
const showNewest = () => { list.scrollTop = list.scrollHeight; };

new EventSource("/events").onmessage = async () => {
  const answer = await fetch("/", { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const wasEmpty = list.childElementCount;
  list.replaceChildren(...page.getElementById("messages").children);
  document.title = page.title;
  if (list.childElementCount !== wasEmpty) list.lastElementChild.classList.add("new");
  showNewest();
};
showNewest();
