package lake

import (
	"maps"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
)

// PartitionKey is the partition key of tables of events: a string, the event's day as 2026-05-01 (Mixpanel, "AWS Redshift Spectrum":
// mp_date).
const PartitionKey = "mp_date"

// Format is what a table's objects are.
type Format string

// The formats, by the names of Mixpanel's data_format.
const (
	JSON    Format = "json"
	Parquet Format = "parquet"
)

// Table is a table as the catalog shall have it.
type Table struct {
	// For names who publishes, and as of when: what was seen in a catalog for one is not taken to be there for another, whose catalog may
	// be a different one of the same names.
	For      string
	Database string
	Name     string
	// Format is JSON if it is empty.
	Format Format
	// Columns are in the order of the rows' keys. Columns are only ever added at the end.
	Columns []catalog.Column
	// Partitioned tables have one partition per event day; the others one location.
	Partitioned bool
	// Root is the folder of all the table's objects, Location where the table points: Root when partitioned, else the snapshot.
	Root, Location string
}

// Partition is a partition of an event day as the catalog shall have it. Location is the folder of its objects, with a slash at its
// end: the day's, or that of the day's newest version.
type Partition struct {
	Day      event.Day
	Location string
}

// definition is how the tables of a format are defined.
type definition struct {
	input, output, library string
	serde, table           map[string]string
}

// definitions are what AWS's own tools write, with the parameters without which Athena (TableType) and Glue jobs (classification)
// fail. The Parquet one is awswrangler's, which its tests run through Redshift Spectrum. The openx SerDe is the only JSON SerDe that
// both Athena and Redshift Spectrum take; folding keys to lower case is turned off, since keys are written as the columns are named.
var definitions = map[Format]definition{
	JSON: {
		input:   "org.apache.hadoop.mapred.TextInputFormat",
		output:  "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
		library: "org.openx.data.jsonserde.JsonSerDe",
		serde:   map[string]string{"case.insensitive": "false"},
		table:   map[string]string{"EXTERNAL": "TRUE", "classification": "json", "compressionType": "gzip", "typeOfData": "file"},
	},
	Parquet: {
		input:   "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
		output:  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
		library: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
		serde:   map[string]string{"serialization.format": "1"},
		table:   map[string]string{"EXTERNAL": "TRUE", "classification": "parquet", "compressionType": "snappy", "typeOfData": "file"},
	},
}

func (t *Table) format() Format {
	if t.Format == "" {
		return JSON
	}
	return t.Format
}

// input is the definition of a table that does not exist yet.
func (t *Table) input() catalog.TableInput {
	d := definitions[t.format()]
	in := catalog.TableInput{
		Name:          t.Name,
		TableType:     "EXTERNAL_TABLE",
		Parameters:    maps.Clone(d.table),
		PartitionKeys: []catalog.Column{},
		StorageDescriptor: catalog.StorageDescriptor{
			Columns:         t.Columns,
			Location:        t.Location,
			InputFormat:     d.input,
			OutputFormat:    d.output,
			Compressed:      true,
			NumberOfBuckets: -1,
			SerdeInfo:       catalog.SerDeInfo{SerializationLibrary: d.library, Parameters: maps.Clone(d.serde)},
			BucketColumns:   []string{},
			SortColumns:     []catalog.SortColumn{},
		},
	}
	if t.Partitioned {
		in.PartitionKeys = []catalog.Column{{Name: PartitionKey, Type: "string"}}
	}
	return in
}
