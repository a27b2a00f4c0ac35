package awsglue

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/refract-io/refract/internal/catalog"
)

// text leaves an empty member out: Glue refuses most empty texts.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func fromDatabase(d *types.Database) *catalog.Database {
	return &catalog.Database{
		Name: aws.ToString(d.Name), Description: aws.ToString(d.Description), LocationURI: aws.ToString(d.LocationUri),
		Parameters: d.Parameters, CreateTime: instant(d.CreateTime),
	}
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// given leaves a time out that is not there.
func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func fromTable(t *types.Table) *catalog.Table {
	return &catalog.Table{
		TableInput: catalog.TableInput{
			Name: aws.ToString(t.Name), Description: aws.ToString(t.Description), Owner: aws.ToString(t.Owner), Retention: int(t.Retention),
			StorageDescriptor: fromDescriptor(t.StorageDescriptor), PartitionKeys: fromColumns(t.PartitionKeys),
			ViewOriginalText: aws.ToString(t.ViewOriginalText), ViewExpandedText: aws.ToString(t.ViewExpandedText),
			TableType: aws.ToString(t.TableType), Parameters: t.Parameters,
			LastAccessTime: instant(t.LastAccessTime), LastAnalyzedTime: instant(t.LastAnalyzedTime),
		},
		DatabaseName: aws.ToString(t.DatabaseName), VersionID: aws.ToString(t.VersionId),
		CreateTime: instant(t.CreateTime), UpdateTime: instant(t.UpdateTime),
	}
}

// kept returns what an update must send back of a table beside the catalog's model, by white list: GetTable answers members that
// TableInput doesn't have.
func kept(t *types.Table) *types.TableInput {
	return &types.TableInput{
		TargetTable: t.TargetTable, StorageDescriptor: t.StorageDescriptor,
	}
}

// tableInput writes a definition over base.
func tableInput(base *types.TableInput, t catalog.TableInput) *types.TableInput {
	base.Name, base.Description, base.Owner, base.Retention = &t.Name, text(t.Description), text(t.Owner), int32(t.Retention)
	base.LastAccessTime, base.LastAnalyzedTime = given(t.LastAccessTime), given(t.LastAnalyzedTime)
	base.ViewOriginalText, base.ViewExpandedText, base.TableType = text(t.ViewOriginalText), text(t.ViewExpandedText), text(t.TableType)
	base.PartitionKeys, base.Parameters = columns(t.PartitionKeys), t.Parameters
	base.StorageDescriptor = descriptor(base.StorageDescriptor, t.StorageDescriptor)
	return base
}

// descriptor writes a descriptor over base, which may be nil.
func descriptor(base *types.StorageDescriptor, d catalog.StorageDescriptor) *types.StorageDescriptor {
	if base == nil {
		base = &types.StorageDescriptor{}
	}
	base.Columns, base.BucketColumns, base.Parameters = columns(d.Columns), present(d.BucketColumns), d.Parameters
	base.Location, base.InputFormat, base.OutputFormat = text(d.Location), text(d.InputFormat), text(d.OutputFormat)
	base.Compressed, base.NumberOfBuckets, base.StoredAsSubDirectories = d.Compressed, int32(d.NumberOfBuckets), d.StoredAsSubDirectories
	base.SerdeInfo = &types.SerDeInfo{
		Name: text(d.SerdeInfo.Name), SerializationLibrary: text(d.SerdeInfo.SerializationLibrary), Parameters: d.SerdeInfo.Parameters,
	}
	base.SortColumns = make([]types.Order, len(d.SortColumns))
	for i, s := range d.SortColumns {
		base.SortColumns[i] = types.Order{Column: &s.Column, SortOrder: int32(s.SortOrder)}
	}
	return base
}

func fromDescriptor(d *types.StorageDescriptor) catalog.StorageDescriptor {
	if d == nil { // a resource link has none
		return catalog.StorageDescriptor{}
	}
	out := catalog.StorageDescriptor{
		Columns: fromColumns(d.Columns), Location: aws.ToString(d.Location),
		InputFormat: aws.ToString(d.InputFormat), OutputFormat: aws.ToString(d.OutputFormat),
		Compressed: d.Compressed, NumberOfBuckets: int(d.NumberOfBuckets), StoredAsSubDirectories: d.StoredAsSubDirectories,
		BucketColumns: d.BucketColumns, Parameters: d.Parameters,
	}
	if s := d.SerdeInfo; s != nil {
		out.SerdeInfo = catalog.SerDeInfo{
			Name: aws.ToString(s.Name), SerializationLibrary: aws.ToString(s.SerializationLibrary), Parameters: s.Parameters,
		}
	}
	for _, s := range d.SortColumns {
		out.SortColumns = append(out.SortColumns, catalog.SortColumn{Column: aws.ToString(s.Column), SortOrder: int(s.SortOrder)})
	}
	return out
}

func columns(list []catalog.Column) []types.Column {
	out := make([]types.Column, len(list))
	for i, c := range list {
		out[i] = types.Column{Name: &c.Name, Type: text(c.Type), Comment: text(c.Comment), Parameters: c.Parameters}
	}
	return out
}

func fromColumns(list []types.Column) []catalog.Column {
	out := make([]catalog.Column, len(list))
	for i, c := range list {
		out[i] = catalog.Column{Name: aws.ToString(c.Name), Type: aws.ToString(c.Type), Comment: aws.ToString(c.Comment), Parameters: c.Parameters}
	}
	return out
}

func partitionInput(p catalog.PartitionInput) types.PartitionInput {
	return types.PartitionInput{
		Values: present(p.Values), StorageDescriptor: descriptor(nil, p.StorageDescriptor), Parameters: p.Parameters,
		LastAccessTime: given(p.LastAccessTime), LastAnalyzedTime: given(p.LastAnalyzedTime),
	}
}

func fromPartition(p *types.Partition) *catalog.Partition {
	return &catalog.Partition{
		PartitionInput: catalog.PartitionInput{
			Values: p.Values, StorageDescriptor: fromDescriptor(p.StorageDescriptor), Parameters: p.Parameters,
			LastAccessTime: instant(p.LastAccessTime), LastAnalyzedTime: instant(p.LastAnalyzedTime),
		},
		DatabaseName: aws.ToString(p.DatabaseName), TableName: aws.ToString(p.TableName), CreationTime: instant(p.CreationTime),
	}
}
