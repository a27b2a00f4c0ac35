package lake

import (
	"github.com/refract-io/refract/internal/catalog"
)

// PartitionKey is the partition key of mp_master_event: a string, the event's day in UTC as 2026-05-01 (Mixpanel, "AWS Redshift
// Spectrum": mp_date).
const PartitionKey = "mp_date"

// Table is a table as the catalog shall have it.
type Table struct {
	Database string
	Name     string
	// Columns are in the order of the rows' keys. Columns are only ever added at the end.
	Columns []catalog.Column
	// Partitioned tables have one partition per event day; the others one location.
	Partitioned bool
	// Root is the folder of all the table's objects, Location where the table points: Root when partitioned, else the snapshot.
	Root, Location string
}

// input is the definition of a table that does not exist yet. It is what AWS's own tools write for JSON: formats, SerDe, and the
// parameters without which Athena (TableType) and Glue jobs (classification) fail. The openx SerDe is the only JSON SerDe that both
// Athena and Redshift Spectrum take; folding keys to lower case is turned off, since keys are written as the columns are named.
func (t *Table) input() catalog.TableInput {
	in := catalog.TableInput{
		Name:      t.Name,
		TableType: "EXTERNAL_TABLE",
		Parameters: map[string]string{
			"EXTERNAL": "TRUE", "classification": "json", "compressionType": "gzip", "typeOfData": "file",
		},
		PartitionKeys: []catalog.Column{},
		StorageDescriptor: catalog.StorageDescriptor{
			Columns:         t.Columns,
			Location:        t.Location,
			InputFormat:     "org.apache.hadoop.mapred.TextInputFormat",
			OutputFormat:    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
			Compressed:      true,
			NumberOfBuckets: -1,
			SerdeInfo: catalog.SerDeInfo{
				SerializationLibrary: "org.openx.data.jsonserde.JsonSerDe",
				Parameters:           map[string]string{"case.insensitive": "false"},
			},
			BucketColumns: []string{},
			SortColumns:   []catalog.SortColumn{},
		},
	}
	if t.Partitioned {
		in.PartitionKeys = []catalog.Column{{Name: PartitionKey, Type: "string"}}
	}
	return in
}
