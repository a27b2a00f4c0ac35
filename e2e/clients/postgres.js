// Runs SQL with node-postgres. Arguments: a connection string, then statements. A statement of the form {"text":...,"values":[...]} is
// prepared with parameters. Prints the rows of each statement's last result, as JSON.
const { Client } = require("pg");

async function main() {
  const [connectionString, ...statements] = process.argv.slice(2);
  const client = new Client({ connectionString });
  await client.connect();
  const all = [];
  for (const s of statements) {
    const result = await client.query(s.startsWith("{") ? JSON.parse(s) : s);
    const last = Array.isArray(result) ? result[result.length - 1] : result;
    all.push(last.rows);
  }
  await client.end();
  console.log(JSON.stringify(all));
}

main().catch((e) => { console.error(e); process.exit(1); });
