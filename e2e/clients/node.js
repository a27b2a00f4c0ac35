// Sends with the official Node.js client. Arguments: the collector's host and port, the project's token and secret, and the API to
// drive: "simplified" or "original", by the project's identity mode. Prints the errors that the client's callbacks got, as JSON.
const { promisify } = require("util");
const Mixpanel = require("mixpanel");

const [host, port, token, secret, mode] = process.argv.slice(2);
// The client sends secrets over HTTPS only; the parameter of older versions, key, works over HTTP.
const mixpanel = Mixpanel.init(token, { host, port: Number(port), protocol: "http", key: secret, verbose: true });
const errors = [];

async function call(name, fn) {
  try {
    const list = await fn();
    for (const e of Array.isArray(list) ? list : []) if (e) errors.push(`${name}: ${e.message}`);
  } catch (e) {
    for (const one of Array.isArray(e) ? e : [e]) if (one) errors.push(`${name}: ${one.message}`);
  }
}

const p = (fn, ...args) => promisify(fn)(...args);
const people = (name) => (...args) => promisify(mixpanel.people[name].bind(mixpanel.people))(...args);
const groups = (name) => (...args) => promisify(mixpanel.groups[name].bind(mixpanel.groups))(...args);

async function main() {
  const now = Date.now();
  await call("track", () => p(mixpanel.track, "Node Tracked", { distinct_id: "node-1", $insert_id: "n-1", plan: "Zürich € \u{1f680}", price: 403.3, $city: "San Francisco" }));
  await call("track_batch", () => p(mixpanel.track_batch, Array.from({ length: 120 }, (_, i) => ({
    event: "Node Batched", properties: { distinct_id: "node-1", time: new Date(now - i * 1000), $insert_id: `b-${i}`, i } }))));
  await call("import", () => p(mixpanel.import, "Node Imported", new Date(Date.UTC(2024, 1, 29, 12)), { distinct_id: "node-1", $insert_id: "m-1", leap: true }));
  await call("import_batch", () => p(mixpanel.import_batch, Array.from({ length: 70 }, (_, i) => ({
    event: "Node Import Batched", properties: { distinct_id: "node-2", time: new Date(Date.UTC(2024, 0, 1, 0, 0, i)), $insert_id: `mb-${i}`, i } }))));
  await call("people.set", () => people("set")("node-1", { $name: "Ada", plan: "free", counter: 1, list: ["a", "b"], doomed: "x" }));
  await call("people.set_once", () => people("set_once")("node-1", { plan: "paid", first: "2024" }));
  await call("people.increment", () => people("increment")("node-1", { counter: 41 }));
  await call("people.append", () => people("append")("node-1", { list: "c" }));
  await call("people.union", () => people("union")("node-1", { list: ["a", "d"] }));
  await call("people.remove", () => people("remove")("node-1", { list: "b" }));
  await call("people.unset", () => people("unset")("node-1", "doomed"));
  await call("people.set", () => people("set")("node-gone", { plan: "free" }));
  await call("people.delete_user", () => people("delete_user")("node-gone"));
  await call("groups.set", () => groups("set")("company", "acme", { size: 3 }));
  await call("groups.union", () => groups("union")("company", "acme", { tags: ["new"] }));
  if (mode === "original") await call("alias", () => p(mixpanel.alias, "node-1", "node-alias"));
}

main().then(() => console.log(JSON.stringify(errors)));
