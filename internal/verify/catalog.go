package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

// byCatalog looks at where a catalog of another account says the pipeline's tables lie. Nothing here may read them as that account's warehouse
// does, but what the catalog does not show, or shows elsewhere, no reader finds.
func (v *Verifier) byCatalog(ctx context.Context, e *evidence) error {
	if !e.p.Glue.Use || e.p.Glue.Embedded() {
		return nil
	}
	c, err := v.Catalog(ctx, &e.p.Definition)
	if err != nil {
		return err
	}
	e.folders = map[string]map[string]bool{}
	for _, at := range e.counts.Keys {
		name := e.tableName(at)
		if e.folders[name] != nil {
			continue
		}
		if e.folders[name], err = folders(ctx, c, e.p.Glue.Database, name); err != nil {
			return fmt.Errorf("looking at the table %s of the catalog database %s: %w", name, e.p.Glue.Database, err)
		}
	}
	return nil
}

// folders returns the folders that readers of a table look into, without the slash behind them: those of its partitions, or the table's own. A
// table that does not exist has none.
func folders(ctx context.Context, c catalog.Catalog, database, name string) (map[string]bool, error) {
	found := map[string]bool{}
	t, err := c.GetTable(ctx, database, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	if len(t.PartitionKeys) == 0 {
		found[strings.TrimSuffix(t.StorageDescriptor.Location, "/")] = true
		return found, nil
	}
	partitions, err := c.GetPartitions(ctx, database, name, "")
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		found[strings.TrimSuffix(p.StorageDescriptor.Location, "/")] = true
	}
	return found, nil
}

// cataloged compares the objects of each table with those that readers of the catalog find.
func (e *evidence) cataloged() []Line {
	published, shown := map[string]int64{}, map[string]int64{}
	for key, at := range e.counts.Keys {
		name := e.tableName(at)
		published[name]++
		// Readers look into the folders below a location as well.
		for dir := path.Dir(key); ; dir = path.Dir(dir) {
			if e.folders[name][e.bucket.Location(dir)] {
				shown[name]++
				break
			}
			if dir == "." || dir == "/" {
				break
			}
		}
	}
	var lines []Line
	if e.folders != nil {
		for _, name := range slices.Sorted(maps.Keys(published)) {
			lines = append(lines, line("objects of "+name, Count{"published", published[name]}, Count{"in folders that the catalog shows", shown[name]}))
		}
	}
	return lines
}
