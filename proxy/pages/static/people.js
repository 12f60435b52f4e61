// What Gatepost makes of a mobile number, told while it is typed. Without this script, the form's answer says it.
const form = document.querySelector("form[data-judge]");
if (form) {
  const field = form.elements.mobile;
  const said = document.getElementById("judged");
  const PAUSE = 400;
  let timer;
  let asking;

  const judge = async () => {
    asking = new AbortController();
    try {
      const answer = await fetch(form.dataset.judge, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: "application/json" },
        signal: asking.signal,
      });
      const judged = answer.ok && !answer.redirected ? await answer.json() : { text: "" };
      said.textContent = judged.text;
      said.dataset.usable = judged.usable ? "yes" : "no";
    } catch {
      // Out of reach, or typed on in the meantime: the form's own answer counts.
    }
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    asking?.abort();
    said.textContent = "";
    if (field.value.trim()) timer = setTimeout(judge, PAUSE);
  });
}
