// The list to work: one row a customer, which unfolds into its orders; buttons, keys, forms in the row.
// All data is written as text, never as HTML. What a person did stays in `outbox` until the server has acknowledged
// its id, so that nothing is lost when the page is drawn again in the meantime; an id sent twice is one action.

const OUTCOMES = [
  ["no_answer", "No answer"], ["left_message", "Left a message"], ["spoke", "Spoke"], ["refused", "Refused"],
  ["wrong_number", "Wrong number"],
];
const ACTIONS = [
  ["c", "contacted", "Contacted"], ["p", "promised", "Promise"], ["s", "snoozed", "Snooze"], ["n", "note", "Note"],
  ["a", "assigned", "Assign"], ["d", "disputed", "Disputed"], ["x", "do_not_contact", "Do not contact"],
];
const IN_ROW = 4; // the others stand behind "More"
const HELP = "Keys: j k next, previous · c contacted · p promise · s snooze · n note · a assign · d disputed · " +
  "x do not contact · u undo · space select · o orders · Enter customer · Esc close. ↑ raises, ↓ lowers the chance.";

const tables = new WeakMap();
const REMOUNT_MS = 2000;
let idle = null; // the table that was taken away last: drawing the page, Streamlit may put the component elsewhere

function node(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const text = (tag, name, words) => (words ? node(tag, { class: name }, words) : null);
// crypto.randomUUID is missing where a page comes over HTTP from another machine
const uuid = () => "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
  (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16));
const days = (from, count) => {
  const day = new Date(`${from}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() + count);
  return day.toISOString().slice(0, 10);
};

class WorkTable {
  constructor() {
    Object.assign(this, { rows: [], at: 0, chosen: new Set(), open: new Set(), outbox: [], sent: [], form: null });
    this.head = node("div", { class: "line head", "aria-hidden": "true" }, node("span"), node("span", { class: "rank" }, "Rank"),
      node("span", {}, "Customer"), node("span", { class: "money" }, "Outstanding"), node("span", { class: "money" }, "Expected"),
      node("span", { class: "age" }, "Oldest"), node("span"));
    this.list = node("ol", { class: "rows", "aria-label": "Customers to work, best first" });
    this.bar = node("div", { class: "bar", role: "toolbar", "aria-label": "Selected customers" });
    this.said = node("div", { class: "said", role: "status", "aria-live": "polite" });
    this.onKey = (event) => this.key(event);
    this.onMarks = (event) => this.mark(event.detail);
    this.onFocus = (event) => { this.focus = event.composedPath().includes(this.root) ? event.composedPath()[0] : null; };
  }

  attach(root) {
    this.root = root;
    root.append(this.bar, node("p", { class: "help" }, HELP), this.head, this.list, this.said);
    window.addEventListener("keydown", this.onKey, true);
    root.addEventListener("focusin", this.onFocus); // the window is not told of moves inside
    for (const name of ["focusin", "mousedown"]) window.addEventListener(name, this.onFocus, true);
    window.addEventListener("payrec-marks", this.onMarks);
  }

  detach() {
    this.root.removeEventListener("focusin", this.onFocus);
    this.leftMs = performance.now();
    window.removeEventListener("keydown", this.onKey, true);
    for (const name of ["focusin", "mousedown"]) window.removeEventListener(name, this.onFocus, true);
    window.removeEventListener("payrec-marks", this.onMarks);
  }

  // What others recorded: the row says so at once, and leaves the list when the page is drawn again.
  mark({ marks, customers }) {
    const listed = new Set(customers);
    let changed = false;
    for (const row of this.rows) {
      if (!listed.has(row.customer)) continue;
      const [state, last] = marks[row.customer] || [null, null];
      if (row.state !== state || row.last !== last) { row.state = state; row.last = last; changed = true; }
    }
    if (changed) this.draw();
  }

  update(data, send) {
    const known = new Set(this.rows.map((row) => row.key));
    if (data.unfolded) data.rows.forEach((row) => known.has(row.key) || this.open.add(row.key)); // also the next customer
    this.data = data;
    this.send = send;
    const acknowledged = new Set(data.acknowledged);
    const before = this.outbox.length;
    this.outbox = this.outbox.filter((action) => !acknowledged.has(action.action_id));
    if (this.outbox.length && this.outbox.length === before) this.flush();
    const current = this.rows[this.at] && this.rows[this.at].key;
    const kept = this.form && this.form.key;
    const rows = data.rows.slice();
    if (kept && !rows.some((row) => row.key === kept)) {
      const old = this.rows.find((row) => row.key === kept); // someone else's mark must not take a form away
      if (old) rows.splice(Math.min(this.rows.indexOf(old), rows.length), 0, old);
    }
    this.rows = rows;
    const again = rows.findIndex((row) => row.key === current);
    this.at = again >= 0 ? again : Math.max(0, Math.min(this.at, rows.length - 1));
    this.chosen = new Set([...this.chosen].filter((key) => rows.some((row) => row.key === key)));
    this.draw();
  }

  pending(row) {
    return this.outbox.some((action) => action.customer_id === row.customer && action.kind !== "note");
  }

  draw() {
    const focused = this.root.getRootNode().activeElement;
    const label = focused && focused.getAttribute("aria-label");
    const typing = this.form && this.form.element.contains(focused) ? focused : null;
    const within = focused && this.list.contains(focused);
    this.list.replaceChildren(...this.rows.map((row, at) => this.row(row, at)));
    if (!this.rows.length) this.list.append(node("li", { class: "empty" }, this.data.empty));
    this.drawBar();
    if (typing) typing.focus();
    else if (within) {
      const same = label && [...this.list.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === label);
      (same || this.current())?.focus({ preventScroll: true });
    }
  }

  drawBar() {
    const count = this.chosen.size;
    this.bar.hidden = !count;
    if (!count) return this.bar.replaceChildren();
    const buttons = ACTIONS.slice(0, 5).map(([key, kind, label]) =>
      node("button", { type: "button", onclick: () => this.show(kind, null), title: `Key ${key}` }, label));
    const clear = node("button", { type: "button", class: "quiet", onclick: () => { this.chosen.clear(); this.draw(); } }, "Clear");
    this.bar.replaceChildren(node("b", {}, `${count} selected`), ...buttons, clear);
    if (this.form && this.form.key === null) this.bar.append(this.form.element);
  }

  row(row, at) {
    const isCurrent = at === this.at;
    const box = node("input", { type: "checkbox", "aria-label": `Select ${row.customer}`, onchange: () => this.select(row) });
    box.checked = this.chosen.has(row.key);
    const unfolded = this.open.has(row.key);
    const fold = node("button", {
      type: "button", class: "fold", "aria-expanded": String(unfolded), "aria-label": `Orders of ${row.customer}`,
      onclick: () => this.unfold(row),
    }, node("i", { class: "arrow", "aria-hidden": "true" }));
    const name = node("a", {
      class: "who", href: row.href, onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.send("open", row.customer);
      },
    }, row.name || row.customer);
    const state = this.pending(row) ? "saving…" : row.state;
    const buttons = [
      ...ACTIONS.slice(0, IN_ROW).map(([key, kind, label]) => node("button", {
        type: "button", title: `Key ${key}`, "aria-label": `${label}: ${row.customer}`, onclick: () => this.show(kind, row),
      }, label)),
      node("button", { type: "button", "aria-label": `More: ${row.customer}`, onclick: () => this.show("more", row) }, "More"),
    ];
    const undo = row.last ? node("button", { type: "button", class: "undo", title: "Key u", "aria-label": `Undo: ${row.customer}`, onclick: () => this.undo(row) }, "Undo") : null;
    const line = node("div", { class: "line" },
      node("span", { class: "pick" }, box, fold), text("span", "rank", row.rank),
      node("span", { class: "name" }, name, text("span", "sub", row.contact), this.ways(row), text("span", "badge", state), undo, ...row.flags.map((flag) => text("span", "flag", flag))),
      node("span", { class: "money" }, node("b", {}, row.outstanding), text("span", "sub", row.orders_text)),
      node("span", { class: "money" }, node("b", {}, row.expected), text("span", "sub label", "expected")),
      node("span", { class: "age" }, text("span", "label", "oldest "), row.oldest, text("span", "sub", row.action)),
      node("span", { class: "acts" }, ...buttons));
    const element = node("li", { class: `row${isCurrent ? " current" : ""}`, "aria-current": isCurrent ? "true" : null, tabindex: isCurrent ? "0" : "-1", "data-key": row.key },
      line, text("p", "why", row.why));
    element.addEventListener("mousedown", () => this.move(this.rows.indexOf(row), false));
    if (unfolded) element.append(this.orders(row));
    if (this.form && this.form.key === row.key) element.append(this.form.element);
    return element;
  }

  ways(row) {
    if (!row.reach.length) return null;
    return node("span", { class: "sub" }, ...row.reach.map((way) => node("a", { class: "way", href: way.href }, way.text)));
  }

  orders(row) {
    const lines = row.orders.map((order) => node("li", { class: order.left_alone ? "left-alone" : null },
      node("a", { href: order.href, onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.send("open_order", order.id);
      } }, order.id),
      node("span", { class: "money" }, order.outstanding), node("span", {}, order.chance), node("span", {}, order.age),
      node("span", { class: "wide" }, order.why)));
    const more = row.more ? node("li", {}, node("span", { class: "wide sub" }, `and ${row.more} more: open the customer`)) : null;
    return node("ul", { class: "orders", "aria-label": `Open orders of ${row.customer}` }, ...lines, more);
  }

  current() {
    return this.list.children[this.at];
  }

  move(to, focus = true) {
    if (to < 0 || to >= this.rows.length) return;
    if (to !== this.at) {
      const old = this.current();
      if (old) { old.classList.remove("current"); old.removeAttribute("aria-current"); old.tabIndex = -1; }
      this.at = to;
      const now = this.current();
      now.classList.add("current"); now.setAttribute("aria-current", "true"); now.tabIndex = 0;
    }
    if (focus) { this.current().focus({ preventScroll: true }); this.current().scrollIntoView({ block: "nearest" }); }
  }

  select(row) {
    if (!this.chosen.delete(row.key)) this.chosen.add(row.key);
    this.draw();
  }

  unfold(row) {
    if (!this.open.delete(row.key)) this.open.add(row.key);
    this.draw();
  }

  // Forms: `row` null stands for the selected rows.
  show(kind, row) {
    const close = () => { this.form = null; this.draw(); this.move(this.at); };
    const save = (values) => this.act(kind, row, values);
    const field = (label, input) => node("label", {}, label, input);
    const submit = (label) => node("button", { type: "submit", class: "primary" }, label);
    const note = node("input", { type: "text", maxlength: 1000, placeholder: "Note (optional)", "aria-label": "Note" });
    const until = node("input", { type: "date", required: true, min: this.data.today, max: "2199-12-31", "aria-label": "Until" });
    const said = () => note.value.trim() || null;
    let parts, values;
    if (kind === "contacted") {
      parts = [...OUTCOMES.map(([outcome, label], at) => node("button", { type: "button", "data-digit": at + 1, onclick: () => save({ outcome, note: said() }) }, `${at + 1} ${label}`)), note];
      values = () => null;
    } else if (kind === "promised") {
      const amount = node("input", { type: "number", min: "0.01", step: "0.01", "aria-label": "Amount", placeholder: row ? "" : "what each owes" });
      amount.value = row ? row.owed : "";
      until.value = days(this.data.today, 7);
      parts = [field(`Amount${row && row.currency ? `, ${row.currency}` : ""}`, amount), field("By", until), note, submit("Save promise")];
      values = () => ({ amount: amount.value || null, currency: amount.value && row ? row.currency : null, until: until.value, note: said() });
    } else if (kind === "snoozed") {
      until.value = days(this.data.today, 3);
      const quick = [[1, "Tomorrow"], [7, "In a week"], [30, "In a month"]].map(([count, label]) =>
        node("button", { type: "button", onclick: () => save({ until: days(this.data.today, count), note: said() }) }, label));
      parts = [field("Until", until), submit("Snooze"), ...quick, note];
      values = () => ({ until: until.value, note: said() });
    } else if (kind === "note") {
      note.placeholder = "What should the next person know?"; note.required = true;
      parts = [note, submit("Save note")];
      values = () => ({ note: said() });
    } else if (kind === "assigned") {
      const owner = node("input", { type: "text", required: true, maxlength: 200, "aria-label": "Owner" });
      owner.value = this.data.me;
      parts = [field("Owner", owner), submit("Assign")];
      values = () => ({ outcome: owner.value.trim() });
    } else if (kind === "more") {
      parts = ACTIONS.slice(IN_ROW).map(([key, other, label]) => node("button", { type: "button", title: `Key ${key}`, onclick: () => this.show(other, row) }, label));
      values = () => null;
    } else {
      parts = [note, submit(kind === "disputed" ? "Record the dispute" : "Stop all contact")];
      values = () => ({ note: said() });
    }
    const form = node("form", { class: "form", onsubmit: (event) => { event.preventDefault(); const made = values(); if (made) save(made); } },
      ...parts, node("button", { type: "button", class: "quiet", onclick: close }, "Cancel"));
    const key = row ? row.key : null;
    // ids are made when the form opens: a form sent twice is one action
    const targets = row ? [row] : this.rows.filter((one) => this.chosen.has(one.key));
    this.form = { key, element: form, close, kind, ids: new Map(targets.map((one) => [one.customer, uuid()])) };
    if (row) this.move(this.rows.indexOf(row), false);
    this.draw();
    form.querySelector("input:not([type=checkbox]), button").focus();
  }

  act(kind, row, values) {
    const ids = this.form.ids;
    this.form = null;
    const actions = [...ids].map(([customer_id, action_id]) => ({ action_id, kind, customer_id, ...values }));
    this.sent.push(actions);
    this.outbox.push(...actions);
    if (row && this.at < this.rows.length - 1) this.move(this.at + 1, false);
    if (!row) this.chosen.clear();
    this.tell(`${actions.length === 1 ? actions[0].customer_id : `${actions.length} customers`}: ${kind.replaceAll("_", " ")}`);
    this.draw();
    this.move(this.at);
    this.flush();
  }

  undo(row) {
    let targets = row && row.last ? [{ customer_id: row.customer, action_id: row.last }] : this.sent.pop() || [];
    targets = targets.filter((one) => one.kind !== "undone");
    if (!targets.length) return this.tell("Nothing to undo.");
    this.outbox.push(...targets.map((one) => ({ action_id: uuid(), kind: "undone", customer_id: one.customer_id, action: one.action_id })));
    this.tell(`Undone: ${targets.map((one) => one.customer_id).join(", ")}`);
    this.draw();
    this.flush();
  }

  flush() {
    this.send("act", { actions: this.outbox });
  }

  tell(words) {
    this.said.textContent = words;
  }

  // Streamlit moves the table when it draws the page, and the focus falls to the body: what had it gets it again,
  // before the key counts. It is null after a click elsewhere: there a space scrolls the page.
  target(event) {
    const target = event.composedPath()[0];
    if (target !== document.body || !this.focus) return target;
    const former = this.focus.isConnected ? this.focus : this.current();
    former?.focus({ preventScroll: true });
    return former || target;
  }

  key(event) {
    const target = this.target(event);
    const isOurs = target === document.body || this.root.contains(target);
    if (!isOurs || event.ctrlKey || event.metaKey || event.altKey || !this.root.host?.isConnected) return;
    const stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (event.key === "Escape" && this.form) { stop(); return this.form.close(); }
    const isForm = this.form && this.form.element.contains(target);
    if (target.tagName === "INPUT" && target.type !== "checkbox") return;
    if (isForm && /^[1-9]$/.test(event.key)) {
      const button = this.form.element.querySelector(`[data-digit="${event.key}"]`);
      if (button) { stop(); button.click(); }
      return;
    }
    if (["Enter", " "].includes(event.key) && target.tagName !== "LI" && target !== document.body) return;
    const row = this.rows[this.at];
    const action = ACTIONS.find(([key]) => key === event.key);
    if (!row) return;
    if (event.key === "j" || event.key === "ArrowDown" && target.tagName === "LI") { stop(); this.move(this.at + 1); }
    else if (event.key === "k" || event.key === "ArrowUp" && target.tagName === "LI") { stop(); this.move(this.at - 1); }
    else if (event.key === " " && target.tagName === "LI") { stop(); this.select(row); }
    else if (event.key === "o") { stop(); this.unfold(row); }
    else if (event.key === "Enter") { if (target.tagName === "LI") { stop(); this.send("open", row.customer); } }
    else if (action) { stop(); this.show(action[1], this.chosen.size ? null : row); }
    else if (event.key === "u") { stop(); this.undo(row); }
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  let table = tables.get(parentElement);
  if (!table) {
    const isSamePage = idle && Boolean(idle.data.unfolded) === Boolean(data.unfolded);
    const isMoved = isSamePage && performance.now() - idle.leftMs < REMOUNT_MS;
    table = isMoved ? idle : new WorkTable();
    if (idle && !isMoved) table.outbox = idle.outbox; // not yet acknowledged
    idle = null;
    table.attach(parentElement);
    tables.set(parentElement, table);
  }
  table.update(data, setTriggerValue);
  return () => {
    table.detach();
    idle = table;
    tables.delete(parentElement);
    parentElement.replaceChildren();
  };
}
