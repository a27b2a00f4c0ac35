// Package source reads files as events and imports them.
//
// A file is NDJSON, a JSON array of objects, objects one after the other, or CSV with a header; plain, gzip or zstd, told by its
// first bytes. Its records are events in Mixpanel's form ({"event":...,"properties":{...}}, which is also the raw export's), or
// anything else that a Mapping turns into events.
//
// A file is cut into chunks, always at the same places: a chunk is at most MaxChunkRecords records, and its Key is a hash of where it
// came from and what it holds. A server that has taken a key does not take it again, so an import that was interrupted is simply run
// again, and a log file that has grown is imported again without doubling its beginning, its last unfilled chunk excepted, which
// holds other records than before.
package source
