// Looks at states, each in a frame of its own, in the view that is set: run in the page that holds the frames.
"use strict";

const frames = new Map();

const load = (element, attribute, address) =>
  new Promise((done, fail) => {
    element.onload = done;
    element.onerror = fail;
    element[attribute] = address;
  });

// Puts up these states, in place of those before.
const show = async (states) => {
  for (const frame of frames.values()) frame.remove();
  frames.clear();
  for (const { name, address } of states) {
    const frame = document.createElement("iframe");
    document.body.append(frame);
    frames.set(name, frame);
    await load(frame, "src", address);
  }
};

// `axe`: what axe-core looks for, in states that have what no state before had in this view; `what` that is: "parts" or
// "colours".
const judge = async ({ view, width, text, axe, what, isSpaced }) => {
  const wrong = [];
  for (const [name, frame] of frames) {
    frame.style.width = `${width}px`;
    frame.contentDocument.documentElement.style.fontSize = `${text}%`;
    const tell = (rule, where) => wrong.push([name, rule, where]);
    if (axe && isNew(frame.contentWindow, view, what)) await byAxe(frame.contentWindow, axe, tell);
    byMeasure(frame.contentWindow, isSpaced, tell);
  }
  return wrong;
};

// Parts: whether the page is built as none before, whatever its words are. Colours: whether one of them stands on a ground,
// in text of a size and weight, as none did before.
const known = new Map();
const isNew = (window, view, what) => {
  if (!known.has(view)) known.set(view, new Set());
  const before = known.get(view).size;
  const all = [...window.document.querySelectorAll("*")];
  if (what === "parts") {
    known.get(view).add(all.map(partOf).join("\n"));
  } else {
    const styleOf = (element) => window.getComputedStyle(element);
    for (const each of all) {
      if (!hasText(each) || !each.checkVisibility()) continue;
      const { color, fontSize, fontWeight } = styleOf(each);
      known.get(view).add(`${color} ${colourBehind(each, styleOf)} ${fontSize} ${fontWeight}`);
    }
  }
  return known.get(view).size > before;
};
const BUILT_BY = /^(alt|autocomplete|class|dir|disabled|for|hidden|http-equiv|id|lang|open|role|scope|tabindex|type|aria-.*)$/;
const partOf = (element) => {
  const attributes = [...element.attributes].filter((each) => BUILT_BY.test(each.name));
  const said = attributes.map(({ name, value }) => (name === "aria-label" ? `${name} ${Boolean(value)}` : `${name} ${value}`));
  return [element.parentElement?.localName, element.localName, hasText(element), ...said.sort()].join(" ");
};
const hasText = (element) =>
  [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

// axe-core comes in as the page's own scripts do, so under its policy.
const byAxe = async (window, options, tell) => {
  if (!window.axe) {
    const script = window.document.createElement("script");
    const loaded = load(script, "src", "/axe.js");
    window.document.head.append(script);
    await loaded;
    script.remove();
  }
  const told = await window.axe.run(window.document, { resultTypes: ["violations"], preload: false, ...options });
  for (const each of told.violations) {
    // The page that holds the frame has the heading.
    if (each.id === "page-has-heading-one" && window.document.body.matches(".framed")) continue;
    for (const node of each.nodes) tell(each.id, `${node.target.join(" ")}: ${node.failureSummary}`);
  }
};

const byMeasure = (window, isSpaced, tell) => {
  const document = window.document;
  const named = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 100);
  const styles = new Map();
  const styleOf = (element) => {
    if (!styles.has(element)) styles.set(element, window.getComputedStyle(element));
    return styles.get(element);
  };
  const seen = [...document.body.querySelectorAll("*")].filter(
    (each) => each.checkVisibility({ visibilityProperty: true }) && !each.closest("svg, noscript, template"),
  );
  const isClipped = (each) => Boolean(each) && (styleOf(each).clipPath === "inset(50%)" || isClipped(each.parentElement));
  const all = seen.filter((each) => !isClipped(each)); // what is there for screen readers alone has no looks

  // 1.4.4, 1.4.10: nothing is wider than the window, and nothing is cut off; nor with the spacing of 1.4.12.
  const fits = (overflow, cut) => {
    const root = document.scrollingElement;
    if (root.scrollWidth > window.innerWidth) {
      const wide = all.filter((each) => each.getBoundingClientRect().right > window.innerWidth + 0.5 && !each.closest(".scroll"));
      tell(overflow, `${root.scrollWidth} px: ${(wide.length ? wide : [root]).slice(-2).map(named).join(" and ")}`);
    }
    for (const each of all) {
      if (each.matches("input[data-digits]")) {
        const before = each.value;
        each.value = "8".repeat(Number(each.dataset.digits));
        if (each.scrollWidth > each.clientWidth) tell(cut, named(each));
        each.value = before;
      } else if (styleOf(each).overflowX === "hidden" && each.scrollWidth > each.clientWidth + 1) {
        tell(cut, named(each));
      }
    }
  };
  fits("overflow", "cut");
  if (isSpaced) {
    const spacing = new window.CSSStyleSheet();
    spacing.replaceSync(
      "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }" +
        "p { margin-bottom: 2em !important }",
    );
    document.adoptedStyleSheets = [spacing];
    fits("spacing", "spacing");
    document.adoptedStyleSheets = [];
  }

  // 2.3.3: who asks for less motion sees none.
  for (const each of all) {
    const { transitionDuration, animationName } = styleOf(each);
    if (transitionDuration !== "0s" || animationName !== "none") tell("motion", named(each));
  }

  // 2.5.8, with one of its exceptions alone: a link within a sentence.
  const isInSentence = (link) => {
    if (link.tagName !== "A" || styleOf(link).display !== "inline") return false;
    const rest = [...link.parentNode.childNodes].filter((each) => each.nodeType === Node.TEXT_NODE);
    return /\p{L}/u.test(rest.map((each) => each.data).join(""));
  };
  for (const each of all) {
    if (!each.matches("a[href], button, input, select, textarea, summary, [tabindex='0']")) continue;
    if (each.type === "hidden" || each.disabled || isInSentence(each)) continue;
    const labels = [...(each.labels ?? [])].flatMap((label) => [...label.getClientRects()]);
    const boxes = [...each.getClientRects(), ...labels];
    const [width, height] = ["width", "height"].map((side) => Math.max(...boxes.map((box) => box[side])));
    if (Math.min(width, height) < 24) tell("target", `${width.toFixed(1)} x ${height.toFixed(1)} px: ${named(each)}`);
  }

  // 1.4.3 and 1.4.11: text on what is behind it, the edges of fields and of what has the focus.
  for (const each of all) {
    const style = styleOf(each);
    const isField = each.matches("input, select, textarea");
    if ((hasText(each) || isField) && !each.disabled) {
      const size = parseFloat(style.fontSize) / (parseFloat(styleOf(document.documentElement).fontSize) / 16);
      const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      const behind = colourBehind(each, styleOf);
      const ratio = contrast(over(colourOf(style.color), behind), behind);
      if (ratio < least) tell("text contrast", `${ratio.toFixed(2)}: ${named(each)}`);
    }
    if (isField && !["checkbox", "radio"].includes(each.type)) {
      const around = colourBehind(each.parentElement, styleOf);
      const ratio = contrast(over(colourOf(style.borderTopColor), around), around);
      if (ratio < 3) tell("edge contrast", `${ratio.toFixed(2)}: ${named(each)}`);
    }
  }
};

// Red, green, blue (0-255) and how much of it there is (0-1).
const colourOf = (text) => {
  const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
  return [red, green, blue, alpha];
};
const over = (front, back) => front.slice(0, 3).map((value, at) => value * front[3] + back[at] * (1 - front[3])).concat(1);
const colourBehind = (element, styleOf) => {
  let behind = [0, 0, 0, 0];
  for (let each = element; each; each = each.parentElement) {
    const own = colourOf(styleOf(each).backgroundColor);
    behind = behind[3] === 0 ? own : over(behind, own);
    if (own[3] === 1) return behind;
  }
  return over(behind, matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1]);
};
// WCAG 2.2, "relative luminance" and "contrast ratio".
const luminance = (colour) => {
  const [red, green, blue] = colour.slice(0, 3).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
};
