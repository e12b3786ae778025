// The inbox: makes or finds the reader's key, opens messages here, and sends back nothing but codes.

import { Refused, ask } from "./ask.js";
import * as keys from "./keys.js";

const panel = document.getElementById("key");
const threads = document.getElementById("threads");
const anew = document.getElementById("anew");
const printed = document.getElementById("printed");
const words = threads?.dataset ?? {};
const staff = panel?.dataset.staff;
const STATUS = { 404: "eUnavailable", 409: "eChanged" };
let mine;

const show = (element, text) => {
  element.textContent = text;
  element.hidden = !text;
};
const fill = (phrase, values) => phrase.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const span = (milliseconds) => {
  const minutes = Math.floor(milliseconds / 60000);
  if (minutes < 60) return fill(words.minutes, { n: Math.max(minutes, 1) });
  return minutes < 2880 ? fill(words.hours, { n: Math.floor(minutes / 60) }) : fill(words.days, { n: Math.floor(minutes / 1440) });
};
const reason = (fault) => {
  if (fault instanceof Refused) return words[STATUS[fault.status]] ?? words.eOther;
  if (fault instanceof TypeError) return words.eNetwork;
  return words[`e${fault.message[0]?.toUpperCase()}${fault.message.slice(1)}`] ?? words.eOther;
};

// The key

async function begin() {
  mine = await keys.kept(staff);
  panel.hidden = Boolean(mine);
  const inForce = panel.dataset.kid;
  document.getElementById("elsewhere").hidden = Boolean(mine) || !inForce;
  const foreign = mine ? [...threads.querySelectorAll(".message")].filter((m) => m.querySelector(".open") && m.dataset.kid !== mine.kid) : [];
  for (const message of foreign) show(message.querySelector(".said"), words.otherKey);
  anew.hidden = !foreign.length;
  const phrase = foreign.length === 1 ? anew.dataset.one : anew.dataset.many;
  anew.querySelector("span").textContent = fill(phrase, { n: foreign.length });
  // Until here they are shut: a button that does nothing yet must not look as if it did.
  for (const button of threads.querySelectorAll(".open")) button.disabled = !mine || foreign.includes(button.closest(".message"));
}

async function enrol(made) {
  const state = await ask("/api/v1/key", { jwk: made.jwk });
  if (state.kid !== made.kid) throw new Error("other");
  await keys.keep(staff, made, state.signer);
  panel.dataset.kid = made.kid;
}

async function attempt(work, failed) {
  const said = document.getElementById("key-said");
  show(said, "");
  try {
    await work();
  } catch (fault) {
    show(said, fault instanceof Refused && fault.status === 422 ? panel.dataset.fresh : failed);
  }
}

function wirePanel() {
  const button = document.getElementById("make");
  button.addEventListener("click", () => attempt(async () => {
    const label = button.textContent;
    button.disabled = true;
    button.textContent = panel.dataset.making;
    try {
      const made = await keys.make(document.getElementById("spare").checked);
      await enrol(made);
      if (made.recovery) await onPaper(made.recovery);
      await begin();
    } finally {
      button.disabled = false;
      button.textContent = label;
    }
  }, panel.dataset.other));
  document.getElementById("restore").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      await enrol(await keys.restore(document.getElementById("code").value, await ask("/api/v1/keys")));
      document.getElementById("code").value = "";
      await begin();
    }, panel.dataset.badCode);
  });
  document.getElementById("import").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      const [file] = document.getElementById("file").files;
      await enrol(await keys.fromPrivate(JSON.parse(await file.text())));
      await begin();
    }, panel.dataset.badFile);
  });
  anew.querySelector("button").addEventListener("click", async (event) => {
    event.target.disabled = true;
    await ask("/api/v1/inbox/seal-anew", { kid: mine.kid });
    anew.querySelector("span").textContent = anew.dataset.done;
    location.reload();
  });
}

function onPaper(code) {
  const place = document.getElementById("recovery");
  place.textContent = code;
  panel.hidden = true;
  printed.hidden = false;
  document.getElementById("print").onclick = () => print();
  return new Promise((done) => {
    document.getElementById("kept").onclick = () => {
      place.textContent = "";
      printed.hidden = true;
      done();
    };
  });
}

// Messages

async function toggle(message) {
  const place = message.querySelector(".reading");
  if (!place.hidden) return close(message);
  const button = message.querySelector(".open");
  const said = message.querySelector(".said");
  button.disabled = true;
  button.textContent = words.opening;
  show(said, "");
  try {
    const sealed = await ask(`/api/v1/inbox/${message.dataset.alert}/open`, { kid: mine.kid });
    const content = await keys.open(sealed.jwe, mine, message.dataset.alert, sealed.now);
    render(message, place, content, sealed.now);
    button.textContent = words.close;
    button.setAttribute("aria-expanded", "true");
  } catch (fault) {
    show(said, reason(fault));
    button.textContent = words.open;
  } finally {
    button.disabled = false;
  }
}

function close(message) {
  const place = message.querySelector(".reading");
  place.replaceChildren();
  place.hidden = true;
  const button = message.querySelector(".open");
  button.textContent = words.open;
  button.setAttribute("aria-expanded", "false");
}

function render(message, place, content, now) {
  const part = document.getElementById("content-of-message").content.cloneNode(true);
  part.querySelector(".headline").textContent = content.headline;
  const list = part.querySelector("dl");
  for (const { label, value } of content.rows) {
    list.append(element("dt", label), element("dd", value));
  }
  const steps = part.querySelector(".steps ol");
  for (const step of content.steps) steps.append(stepOf(step, Date.parse(now)));
  part.querySelector(".steps").hidden = !content.steps.length;
  const notices = part.querySelector(".notices");
  for (const text of content.notices) notices.append(element("p", text));
  notices.hidden = !content.notices.length;
  place.lang = content.language;
  place.replaceChildren(part);
  place.hidden = false;
  wireAnswers(message, place);
  if (message.dataset.state === "delivered") mark(message, "opened", words.openedState);
  place.querySelector(".headline").focus();
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function stepOf(step, now) {
  const item = document.createElement("li");
  item.append(element("span", step.text));
  if (step.due) {
    const left = Date.parse(step.due) - now;
    const due = element("span", fill(left > 0 ? words.due : words.overdue, { span: span(Math.abs(left)) }));
    due.className = left > 0 ? "due" : "due over";
    item.append(due);
  }
  return item;
}

function mark(message, state, text) {
  message.dataset.state = state;
  const chip = message.querySelector(".chip");
  chip.className = `chip ${state}`;
  chip.textContent = text;
  message.querySelector(".dot").className = `dot ${state}`;
}

function wireAnswers(message, place) {
  const buttons = [...place.querySelectorAll("[data-verdict]")];
  const outcome = place.querySelector(".outcome");
  const press = (verdict) => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.verdict === verdict)));
  press(message.dataset.verdict);
  outcome.hidden = message.dataset.verdict !== "is_my_client";
  for (const button of buttons) button.addEventListener("click", () => answer(message, place, button, press));
  outcome.addEventListener("submit", (event) => {
    event.preventDefault();
    report(message, outcome);
  });
}

async function answer(message, place, button, press) {
  const thanks = place.querySelector(".thanks");
  const verdict = button.dataset.verdict;
  try {
    const taken = await ask(`/api/v1/inbox/${message.dataset.alert}/answer`, { verdict });
    message.dataset.verdict = verdict;
    press(verdict);
    const others = taken.taken_on_by ? ` ${fill(words.taken, { who: taken.taken_on_by })}` : "";
    show(thanks, fill(words.thanks, { what: button.textContent }) + others);
    mark(message, verdict.startsWith("not_") ? "closed" : "acknowledged", button.textContent);
    message.closest(".thread").classList.remove("unanswered");
    message.closest(".thread").querySelector(".clock")?.remove();
    place.querySelector(".outcome").hidden = verdict !== "is_my_client";
  } catch (fault) {
    show(message.querySelector(".said"), reason(fault));
  }
}

async function report(message, form) {
  const chosen = new FormData(form);
  const body = { note: chosen.get("note") ?? "" };
  for (const name of ["contact", "contact_initiator", "contact_reason", "after_release", "disposition"]) if (chosen.get(name)) body[name] = chosen.get(name);
  // As the clock on the wall here says it; sent with its offset.
  for (const name of ["first_contact_at", "appointment_at"]) if (chosen.get(name)) body[name] = new Date(chosen.get(name)).toISOString();
  if (body.appointment_at) body.appointment_kept = Boolean(chosen.get("appointment_kept"));
  const saved = form.querySelector(".saved");
  if (!["contact", "after_release", "first_contact_at", "appointment_at", "disposition"].some((name) => body[name])) {
    saved.textContent = words.nothing;
    return;
  }
  try {
    await ask(`/api/v1/inbox/${message.dataset.alert}/outcome`, body);
    saved.textContent = words.saved;
  } catch (fault) {
    saved.textContent = fault instanceof Refused && fault.status === 422 ? words.ahead : reason(fault);
  }
}

// Nobody there: what was opened is hidden again, long before the session ends.

function watchIdle() {
  const limit = Number(panel.dataset.idle) * 60000;
  let last = Date.now();
  const hide = () => {
    for (const message of threads.querySelectorAll(".message")) {
      if (!message.querySelector(".reading").hidden) {
        close(message);
        show(message.querySelector(".said"), words.hidden);
      }
    }
  };
  for (const name of ["pointerdown", "keydown", "scroll"]) addEventListener(name, () => { last = Date.now(); }, { passive: true });
  setInterval(() => { if (Date.now() - last > limit) hide(); }, 15000);
  addEventListener("visibilitychange", () => { if (document.hidden) last = Math.min(last, Date.now() - limit + 60000); });
  addEventListener("pagehide", hide);
}

if (panel) {
  wirePanel();
  for (const button of threads.querySelectorAll(".open")) button.addEventListener("click", () => toggle(button.closest(".message")));
  watchIdle();
  begin();
}
