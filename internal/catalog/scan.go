package catalog

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/catalog/expression"
	"github.com/refract-io/refract/internal/platform/meta"
)

// MaxSegments is the greatest number of segments of a scan (Segment in the Glue API).
const MaxSegments = 10

// Scan selects partitions of a table, in the byte order of their values.
type Scan struct {
	// Expression selects partitions; "" selects all.
	Expression string
	// After leaves out the partitions up to and with these values. A page's last values are the next page's After. They need not
	// exist any more.
	After []string
	// Limit is the greatest number of partitions to return; 0 is no limit.
	Limit int
	// Segment and TotalSegments divide the partitions among parallel readers: 0 <= Segment < TotalSegments <= MaxSegments.
	// TotalSegments 0 is the same as 1.
	Segment, TotalSegments int
	// WithoutColumns leaves the descriptors' columns out (ExcludeColumnSchema in the Glue API).
	WithoutColumns bool
}

// GetPartitions implements Catalog.
func (e *Embedded) GetPartitions(ctx context.Context, database, table, expression string) ([]*Partition, error) {
	all, _, err := e.ScanPartitions(ctx, database, table, Scan{Expression: expression})
	return all, err
}

// ScanPartitions returns the partitions that s selects and whether there are more. It reads one state of the table, and only the
// ranges of the first key that the expression allows. Partitions with the same descriptors share their lists and maps.
func (e *Embedded) ScanPartitions(ctx context.Context, database, table string, s Scan) (partitions []*Partition, more bool, err error) {
	database, table = strings.ToLower(database), strings.ToLower(table)
	partitions, more, _, err = e.scan(ctx, database, table, s)
	return partitions, more, classed("reading the partitions of catalog table", database+"."+table, err)
}

// scan also returns how many rows it read.
func (e *Embedded) scan(ctx context.Context, database, table string, s Scan) (partitions []*Partition, more bool, read int, err error) {
	t, err := readTable(ctx, e.db, database, table)
	if err != nil {
		return nil, false, 0, err
	}
	if s.TotalSegments < 0 || s.TotalSegments > MaxSegments || s.Segment < 0 || s.Segment >= max(s.TotalSegments, 1) {
		return nil, false, 0, refuse(ErrInvalidInput, "Segment %d of %d is not valid; there may be %d.", s.Segment, s.TotalSegments, MaxSegments)
	}
	keys := make([]expression.Key, len(t.PartitionKeys))
	for i, key := range t.PartitionKeys {
		keys[i] = expression.Key{Name: key.Name, Type: key.Type}
	}
	filter, err := expression.Compile(s.Expression, keys)
	if err != nil {
		return nil, false, 0, refuse(ErrInvalidInput, "%v", err)
	}
	if s.After != nil {
		var c checks
		if c.values(s.After, len(keys)); c.err != nil {
			return nil, false, 0, c.err
		}
	}
	query, args := rangeQuery(t.id, sortKeyRanges(filter.LeadingRanges(), s.After), bucketsOf(s.Segment, s.TotalSegments))
	if query == "" {
		return nil, false, 0, nil
	}
	rows, err := e.db.Query(ctx, query, args...)
	if err != nil {
		return nil, false, 0, err
	}
	defer rows.Close()
	decoder := partitionDecoder{table: t, withoutColumns: s.WithoutColumns}
	selects := func(values []string) (bool, error) {
		ok, err := filter.Matches(values)
		if bad, is := errors.AsType[*expression.ValueError](err); is {
			return false, &Error{ErrInvalidState, bad.Message}
		}
		if ok && s.Limit > 0 && len(decoder.out) == s.Limit {
			return false, errLimit
		}
		return ok, err
	}
	for rows.Next() && !more {
		err := decoder.row(rows, selects)
		if more = errors.Is(err, errLimit); err != nil && !more {
			return nil, false, 0, err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, false, 0, err
	}
	partitions, err = decoder.finish(ctx, e.db)
	return partitions, more, decoder.rows, err
}

// errLimit ends a scan at one more partition than its limit.
var errLimit = errors.New("limit reached")

// Every partition is in one of buckets, by a digest of its values, and a segment is a range of buckets: so it stays the same whatever
// is created or deleted between the requests of the segments' readers. Partitions from before there were buckets are in the first.
const buckets = 2520 // divisible by every number of segments

func bucketOf(key []byte) int {
	h := fnv.New32a()
	h.Write(key)
	return int(h.Sum32() % buckets)
}

// bucketRange is a range of buckets: from <= bucket < to.
type bucketRange struct{ from, to int }

func bucketsOf(segment, total int) bucketRange {
	total = max(total, 1)
	return bucketRange{segment * buckets / total, (segment + 1) * buckets / total}
}

// keyRange is a range of sort keys: from <= key < to, without an upper end when to is nil.
type keyRange struct{ from, to []byte }

// maxRanges bounds the parts of one query. SQLite takes at most 500.
const maxRanges = 100

// sortKeyRanges turns ranges of the first value into ranges of sort keys that begin behind the partition after. Beyond maxRanges
// the last ones are joined into one.
func sortKeyRanges(ranges []expression.KeyRange, after []string) []keyRange {
	var floor []byte
	if after != nil {
		floor = append(sortKey(after), 0)
	}
	var out []keyRange
	for _, r := range ranges {
		k := keyRange{from: appendSortKey(nil, r.From)}
		if !r.NoEnd {
			k.to = appendSortKey(nil, r.To)
		}
		if bytes.Compare(k.from, floor) < 0 {
			k.from = floor
		}
		if k.to != nil && bytes.Compare(k.from, k.to) >= 0 {
			continue
		}
		if len(out) == maxRanges {
			out[maxRanges-1].to = k.to
			continue
		}
		out = append(out, k)
	}
	return out
}

const partitionColumns = `SELECT sort_key, column_list_id, body, created_ms FROM catalog_partition`

// rangeQuery returns one statement for all ranges, so that it reads one state, or "" when there are none.
func rangeQuery(table int64, ranges []keyRange, in bucketRange) (string, []any) {
	var parts []string
	var args []any
	for _, r := range ranges {
		part := partitionColumns + ` WHERE table_id = ? AND sort_key >= ?`
		args = append(args, table, r.from)
		if r.to != nil {
			part += ` AND sort_key < ?`
			args = append(args, r.to)
		}
		if in != bucketsOf(0, 1) {
			part += ` AND bucket >= ? AND bucket < ?`
			args = append(args, in.from, in.to)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return strings.Join(parts, ` UNION ALL `) + ` ORDER BY sort_key`, args
}

// partitionDecoder makes partitions of rows. Their descriptors, which most of them share, are read at the end.
type partitionDecoder struct {
	table          *storedTable
	withoutColumns bool

	rows   int // that were read
	out    []*Partition
	shared []int64 // the id of each one's descriptor
}

// row decodes one row unless selects, which may be nil, is false for it.
func (d *partitionDecoder) row(row scanner, selects func(values []string) (bool, error)) error {
	var shared, created int64
	var key, body []byte
	if err := row.Scan(&key, &shared, &body, &created); err != nil {
		return err
	}
	d.rows++
	values, err := parseSortKey(key, len(d.table.PartitionKeys))
	if err != nil {
		return err
	}
	if selects != nil {
		if ok, err := selects(values); err != nil || !ok {
			return err
		}
	}
	var kept partitionBody
	if err := json.Unmarshal(body, &kept); err != nil {
		return fmt.Errorf("decoding partition %v: %w", values, err)
	}
	p := &Partition{
		PartitionInput: PartitionInput{Values: values, Parameters: kept.Parameters, LastAccessTime: kept.LastAccessTime, LastAnalyzedTime: kept.LastAnalyzedTime},
		DatabaseName:   d.table.DatabaseName, TableName: d.table.Name, CreationTime: instant(created),
	}
	if kept.StorageDescriptor != nil {
		p.StorageDescriptor = *kept.StorageDescriptor
	} else {
		p.StorageDescriptor.Location = kept.Location
	}
	d.out, d.shared = append(d.out, p), append(d.shared, shared)
	return nil
}

// finish fills in what is shared and returns the partitions.
func (d *partitionDecoder) finish(ctx context.Context, q meta.Querier) ([]*Partition, error) {
	known := map[int64]*sharedDescriptor{}
	for i, p := range d.out {
		id := d.shared[i]
		s, ok := known[id]
		if !ok {
			var err error
			if s, err = readDescriptor(ctx, q, id); err != nil {
				if errors.Is(err, sql.ErrNoRows) {
					return nil, noTable(d.table.Name) // deleted meanwhile, and its descriptors with it
				}
				return nil, err
			}
			if d.withoutColumns {
				s.descriptor.Columns = nil
			}
			known[id] = s
		}
		if s.columnsOnly {
			p.StorageDescriptor.Columns = s.descriptor.Columns
			continue
		}
		location := p.StorageDescriptor.Location
		p.StorageDescriptor = s.descriptor
		p.StorageDescriptor.Location = location
	}
	return d.out, nil
}

// sharedDescriptor is a descriptor without a location, or only its columns.
type sharedDescriptor struct {
	descriptor  StorageDescriptor
	columnsOnly bool
}

func readDescriptor(ctx context.Context, q meta.Querier, id int64) (*sharedDescriptor, error) {
	var text []byte
	if err := q.QueryRow(ctx, `SELECT columns FROM catalog_column_list WHERE id = ?`, id).Scan(&text); err != nil {
		return nil, fmt.Errorf("reading a descriptor: %w", err)
	}
	s := &sharedDescriptor{columnsOnly: bytes.HasPrefix(text, []byte("["))}
	var err error
	if s.columnsOnly {
		err = json.Unmarshal(text, &s.descriptor.Columns)
	} else {
		err = json.Unmarshal(text, &s.descriptor)
	}
	if err != nil {
		return nil, fmt.Errorf("decoding a descriptor: %w", err)
	}
	s.descriptor.Columns = slices.Clip(s.descriptor.Columns)
	return s, nil
}
