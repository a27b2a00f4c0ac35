// Uses a bucket with AWS's own JavaScript client. Arguments: the endpoint, the region, the access key, its secret, the bucket and the key of
// an object that a pipeline wrote. Prints what it found, as JSON.
const { S3Client, paginateListObjectsV2, ...s3 } = require("@aws-sdk/client-s3");
const { Readable } = require("node:stream");

const [endpoint, region, accessKeyId, secretAccessKey, Bucket, exported] = process.argv.slice(2);
const client = new S3Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1, forcePathStyle: true });
const send = (operation, input) => client.send(new s3[operation + "Command"]({ Bucket, ...input }));

// refused returns the name of the error that an operation throws.
async function refused(operation, input) {
  try {
    await send(operation, input);
    return "nothing";
  } catch (e) {
    return e.name;
  }
}

async function keys(input) {
  const found = [];
  for await (const page of paginateListObjectsV2({ client, pageSize: 3 }, { Bucket, ...input })) found.push(...(page.Contents ?? []).map((o) => o.Key));
  return found;
}

async function main() {
  const result = {};
  const object = await send("GetObject", { Key: exported });
  const bytes = await object.Body.transformToByteArray();
  result.exported = bytes.length === object.ContentLength && bytes[0] === 0x1f && bytes[1] === 0x8b;

  const put = await send("PutObject", { Key: "js/a b+c.json", Body: '{"n":1}', ContentType: "application/json", Metadata: { run: "7" } });
  const head = await send("HeadObject", { Key: "js/a b+c.json", ChecksumMode: "ENABLED" });
  result.head = [head.ETag === put.ETag, head.ContentType, head.Metadata.run, head.ServerSideEncryption, head.ChecksumCRC32 === put.ChecksumCRC32];
  result.taken = await refused("PutObject", { Key: "js/a b+c.json", Body: "x", IfNoneMatch: "*" });
  // A stream's checksum is not known before its end: it comes behind the body.
  await send("PutObject", { Key: "js/stream", Body: Readable.from([Buffer.from("one two")]), ContentLength: 7 });
  result.stream = await (await send("GetObject", { Key: "js/stream" })).Body.transformToString();
  result.range = await (await send("GetObject", { Key: "js/stream", Range: "bytes=4-" })).Body.transformToString();

  const { UploadId } = await send("CreateMultipartUpload", { Key: "js/parts" });
  const Parts = [];
  for (const [i, Body] of [Buffer.alloc(5 << 20, "a"), Buffer.from("end")].entries()) {
    const part = await send("UploadPart", { Key: "js/parts", UploadId, PartNumber: i + 1, Body });
    Parts.push({ PartNumber: i + 1, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
  }
  await send("CompleteMultipartUpload", { Key: "js/parts", UploadId, MultipartUpload: { Parts } });
  result.parts = (await send("HeadObject", { Key: "js/parts" })).ContentLength;

  await send("CopyObject", { Key: "js/copy", CopySource: `${Bucket}/js/stream` });
  for (let i = 0; i < 5; i++) await send("PutObject", { Key: `js/many/${i}`, Body: "" });
  result.keys = await keys({ Prefix: "js/" });
  result.folders = (await send("ListObjectsV2", { Prefix: "js/", Delimiter: "/" })).CommonPrefixes.map((p) => p.Prefix);
  const deleted = await send("DeleteObjects", { Delete: { Objects: (await keys({ Prefix: "js/many/" })).map((Key) => ({ Key })) } });
  result.deleted = deleted.Deleted.length;
  result.missing = await refused("GetObject", { Key: "js/many/0" });
  result.unsupported = await refused("PutObjectTagging", { Key: "js/stream", Tagging: { TagSet: [{ Key: "a", Value: "b" }] } });
  result.location = (await send("GetBucketLocation", {})).LocationConstraint ?? "us-east-1";
  console.log(JSON.stringify(result));
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
