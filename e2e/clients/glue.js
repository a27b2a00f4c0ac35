// Uses a catalog with AWS's own JavaScript client. Arguments: the endpoint, the region, the access key and its secret. Prints what it
// found, as JSON.
const { GlueClient, paginateGetPartitions, ...glue } = require("@aws-sdk/client-glue");

const [endpoint, region, accessKeyId, secretAccessKey] = process.argv.slice(2);
const client = new GlueClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
const send = (operation, input) => client.send(new glue[operation + "Command"](input));

const DatabaseName = "node_sdk", TableName = "events", of = { DatabaseName, TableName };
const sd = (Location) => ({ Columns: [{ Name: "time", Type: "timestamp" }, { Name: "n", Type: "bigint" }], Location,
  SerdeInfo: { SerializationLibrary: "org.openx.data.jsonserde.JsonSerDe", Parameters: { "case.insensitive": "false" } } });
const days = Array.from({ length: 250 }, (_, i) => new Date(Date.UTC(2024, 0, 1 + i)).toISOString().slice(0, 10));
const partition = (day) => ({ Values: [day], StorageDescriptor: sd(`s3://lake/events/${day}/`) });

// refused returns the name of the exception that an operation throws.
async function refused(operation, input) {
  try {
    await send(operation, input);
    return "nothing";
  } catch (e) {
    return e.name;
  }
}

async function values(input) {
  const found = [];
  for await (const page of paginateGetPartitions({ client, pageSize: 50 }, { ...of, ...input })) found.push(...page.Partitions.map((p) => p.Values[0]));
  return found;
}

async function main() {
  const out = {};
  await send("CreateDatabase", { DatabaseInput: { Name: "Node_SDK" }, Tags: { team: "data" } });
  await send("CreateTable", { DatabaseName, PartitionIndexes: [{ IndexName: "by_day", Keys: ["mp_date"] }], TableInput: {
    Name: "Events", TableType: "EXTERNAL_TABLE", PartitionKeys: [{ Name: "mp_date", Type: "string" }], StorageDescriptor: sd("s3://lake/events/") } });
  for (let i = 0; i < days.length; i += 100) await send("BatchCreatePartition", { ...of, PartitionInputList: days.slice(i, i + 100).map(partition) });
  out.again = (await send("BatchCreatePartition", { ...of, PartitionInputList: [partition(days[0])] })).Errors[0].ErrorDetail.ErrorCode;
  out.tooMany = await refused("BatchCreatePartition", { ...of, PartitionInputList: days.slice(0, 101).map(partition) });

  out.all = JSON.stringify(await values({})) === JSON.stringify(days);
  const segments = await Promise.all([0, 1, 2, 3, 4].map((SegmentNumber) => values({ Segment: { SegmentNumber, TotalSegments: 5 } })));
  out.segments = JSON.stringify(segments.flat().sort()) === JSON.stringify(days);
  out.expression = await values({ Expression: "mp_date >= '2024-09-01' AND NOT mp_date IN ('2024-09-02')" });

  await send("UpdateColumnStatisticsForPartition", { ...of, PartitionValues: [days[0]], ColumnStatisticsList: [{ ColumnName: "n", ColumnType: "bigint",
    AnalyzedTime: new Date(1700000000000), StatisticsData: { Type: "LONG", LongColumnStatisticsData: { MaximumValue: 42, NumberOfNulls: 0, NumberOfDistinctValues: 7 } } }] });
  const statistics = (await send("GetColumnStatisticsForPartition", { ...of, PartitionValues: [days[0]], ColumnNames: ["n"] })).ColumnStatisticsList[0];
  out.statistics = [statistics.AnalyzedTime.getTime(), statistics.StatisticsData.LongColumnStatisticsData.MaximumValue];

  const table = (await send("GetTable", { DatabaseName, Name: TableName })).Table;
  await send("UpdateTable", { DatabaseName, VersionId: table.VersionId, TableInput: { Name: TableName, PartitionKeys: table.PartitionKeys, StorageDescriptor: table.StorageDescriptor, LastAccessTime: new Date(1700000000000) } });
  out.stale = await refused("UpdateTable", { DatabaseName, VersionId: table.VersionId, TableInput: { Name: TableName, PartitionKeys: table.PartitionKeys } });
  const updated = (await send("GetTable", { DatabaseName, Name: TableName })).Table;
  out.table = [updated.VersionId, updated.CreateTime instanceof Date, updated.LastAccessTime.getTime(), updated.StorageDescriptor.Columns.length];

  await send("CreateUserDefinedFunction", { DatabaseName, FunctionInput: { FunctionName: "F", ClassName: "c.C" } });
  out.functions = (await send("GetUserDefinedFunctions", { Pattern: "*" })).UserDefinedFunctions.map((f) => f.FunctionName);
  out.index = (await send("GetPartitionIndexes", of)).PartitionIndexDescriptorList.map((i) => [i.IndexName, i.IndexStatus]);
  out.missing = await refused("GetTable", { DatabaseName, Name: "nothing" });
  out.found = (await send("SearchTables", { SearchText: "events", Filters: [{ Key: "DatabaseName", Value: "sdk" }] })).TableList.map((t) => t.Name);
  await send("DeleteDatabase", { Name: DatabaseName });
  out.gone = await refused("GetPartitions", of);
  return out;
}

main().then((out) => console.log(JSON.stringify(out)));
