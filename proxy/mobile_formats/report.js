"use strict";
// Rows: name, user name, place, department, status, value, number, remarks, flags (1 shared, 2 changed recently, 4 service account,
// 8 says that it is not theirs).
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const titles = read("titles");
const persons = read("persons");
const [STATUS, NUMBER, REMARKS, FLAGS] = [4, 6, 7, 8];
const columns = [["Name", 0], ["OU", 2], ["Department", 3], ["Status", STATUS], ["Value", 5], ["Number", NUMBER]];
const PAGE = 200;
const compare = new Intl.Collator(undefined, { numeric: true }).compare;
const isService = (row) => (row[FLAGS] & 4) > 0;
const isReported = (row) => (row[FLAGS] & 8) > 0;
const at = (id) => document.getElementById(id);
const filters = [
  { key: "reported", title: "not theirs", holds: isReported, on: true },
  ...titles.map(([key, title], index) => ({ key, title, holds: (row) => !isService(row) && row[STATUS] === index, on: index > 0 })),
  { key: "shared", title: "shared", holds: (row) => (row[FLAGS] & 1) > 0, on: true },
  { key: "changed", title: "changed recently", holds: (row) => (row[FLAGS] & 2) > 0, on: false },
  { key: "service", title: "service accounts", holds: isService, on: false },
];
const texts = persons.map((row) => [...row.slice(0, 4), ...row.slice(5, 8)].join("\n").toLowerCase());
let sorted = { column: STATUS, down: false };
let limit = PAGE;

// Those who say that it is not theirs first, then what needs work, the good ones last.
const rank = (each) => (isReported(each) ? -1 : each[STATUS] || titles.length);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(each) {
  const line = document.createElement("tr");
  const name = element("td", each[0]);
  if (each[1] !== each[0]) name.append(element("small", each[1]));
  const status = element("td", "", "status");
  status.append(element("i", "", "s-" + titles[each[STATUS]][0]), titles[each[STATUS]][1]);
  const number = element("td", each[NUMBER], each[STATUS] === 0 ? "number" : "number proposed");
  if (each[REMARKS]) number.append(element("small", each[REMARKS]));
  line.append(name, element("td", each[2]), element("td", each[3]), status, element("td", each[5], "value"), number);
  return line;
}

function show() {
  const wanted = at("search").value.trim().toLowerCase();
  const on = filters.filter((each) => each.on);
  const found = [];
  persons.forEach((each, index) => {
    if (on.some((filter) => filter.holds(each)) && (!wanted || texts[index].includes(wanted))) found.push(each);
  });
  const { column, down } = sorted;
  found.sort((a, b) => (down ? -1 : 1) * (column === STATUS ? rank(a) - rank(b) : compare(a[column], b[column])) || compare(a[0], b[0]));
  at("rows").replaceChildren(...found.slice(0, limit).map(row));
  at("shown").textContent = `${Math.min(limit, found.length).toLocaleString()} of ${found.length.toLocaleString()} shown.`;
  at("more").hidden = found.length <= limit;
  [...at("columns").children].forEach((head, index) => {
    if (columns[index][1] === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

for (const [title, column] of columns) {
  const button = element("button", title);
  button.type = "button";
  button.addEventListener("click", () => {
    sorted = { column, down: sorted.column === column && !sorted.down };
    show();
  });
  const head = document.createElement("th");
  head.scope = "col";
  head.append(button);
  at("columns").append(head);
}
for (const filter of filters) {
  const count = persons.filter(filter.holds).length;
  if (!count) continue;
  const chip = element("button", "", "chip");
  chip.type = "button";
  chip.dataset.filter = filter.key;
  if (titles.some(([key]) => key === filter.key)) chip.append(element("i", "", "s-" + filter.key));
  chip.append(`${filter.title} ${count.toLocaleString()}`);
  chip.setAttribute("aria-pressed", filter.on);
  chip.addEventListener("click", () => {
    filter.on = !filter.on;
    chip.setAttribute("aria-pressed", filter.on);
    limit = PAGE;
    show();
  });
  at("filters").append(chip);
}
at("search").addEventListener("input", () => {
  limit = PAGE;
  show();
});
at("more").addEventListener("click", () => {
  limit += 5 * PAGE;
  show();
});
show();
