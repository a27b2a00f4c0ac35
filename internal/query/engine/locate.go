package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// dataFile is an object that a scan reads.
type dataFile struct {
	bucket bucket.Bucket
	object bucket.Object
	// partition is the object's index in the scan's partitions.
	partition int
}

// location is the object's address, s3://bucket/key, as "$path" gives it.
func (f *dataFile) location() string { return f.bucket.Location(f.object.Key) }

// slice is a place to read with the values of its partition keys.
type slice struct {
	values     []string
	descriptor catalog.StorageDescriptor
}

// slices gives the places that a table's rows lie in: the partitions that the expression selects, or the table's own location.
func (e *Engine) slices(ctx context.Context, t *catalog.Table, expression string) ([]slice, error) {
	if len(t.PartitionKeys) == 0 {
		return []slice{{descriptor: t.StorageDescriptor}}, nil
	}
	partitions, err := e.catalog.GetPartitions(ctx, t.DatabaseName, t.Name, expression)
	if err != nil {
		return nil, fmt.Errorf("listing partitions of %s.%s: %w", t.DatabaseName, t.Name, err)
	}
	out := make([]slice, len(partitions))
	for i, p := range partitions {
		out[i] = slice{p.Values, p.StorageDescriptor}
	}
	return out, nil
}

// files lists the objects of the slices.
func (e *Engine) files(ctx context.Context, slices []slice) ([]dataFile, error) {
	var out []dataFile
	for i := range slices {
		location := slices[i].descriptor.Location
		name, prefix, ok := splitLocation(location)
		if !ok {
			return nil, spectrumError(fmt.Sprintf("The location '%s' is not an S3 address.", location))
		}
		b, err := e.buckets(name)
		if err != nil {
			return nil, fmt.Errorf("opening the bucket of %s: %w", location, err)
		}
		for o, err := range b.List(ctx, prefix) {
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", location, err)
			}
			if o.Size > 0 && !hidden(o.Key[len(prefix):]) {
				out = append(out, dataFile{b, o, i})
			}
		}
	}
	return out, nil
}

// splitLocation splits s3://bucket/folder into the bucket and the prefix of the folder's keys.
func splitLocation(location string) (name, prefix string, ok bool) {
	rest, ok := strings.CutPrefix(location, "s3://")
	if !ok {
		return "", "", false
	}
	name, prefix, _ = strings.Cut(rest, "/")
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return name, prefix, name != ""
}

// hidden reports whether Spectrum ignores the object: a part of its path begins with a period, an underscore or a hash mark, or ends
// with a tilde (Amazon Redshift Database Developer Guide, CREATE EXTERNAL TABLE, LOCATION).
func hidden(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || strings.IndexByte("._#", part[0]) >= 0 || part[len(part)-1] == '~' {
			return true
		}
	}
	return false
}
