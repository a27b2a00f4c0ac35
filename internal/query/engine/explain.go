package engine

import (
	"context"
	"fmt"

	"github.com/refract-io/refract/internal/query/rsql"
)

var explainColumns = textColumns("QUERY PLAN")

// explain gives the plan of a query as far as it is Spectrum's: the scans of external tables with the partitions and files that they read. Nothing
// is opened. Costs are not estimated; the numbers of rows are not known.
func (s *Session) explain(ctx context.Context, r *Result, q *rsql.Query) error {
	n := s.names(ctx)
	r.cleanup = append(r.cleanup, n.release)
	bound, err := rsql.Bind(q, n, nil)
	if err != nil {
		return err
	}
	if len(bound.Params) > 0 {
		return failure(rsql.StateUndefinedParameter, "there is no parameter $1")
	}
	lines := []string{fmt.Sprintf("XN Query  (cost=0.00..0.00 rows=0 width=%d)", width(bound.Columns))}
	_, err = bound.DuckDB(func(scan *rsql.Scan) (string, error) {
		table := n.glue[scan.Relation]
		plan, from, err := s.engine.planScan(ctx, table, n.roles[scan.Relation], scan, func(all []slice) []slice { return s.prune(ctx, table, scan, all) })
		if err != nil {
			return "", err
		}
		defer plan.close()
		if len(table.PartitionKeys) > 0 {
			all, err := s.engine.catalog.GetPartitions(ctx, table.DatabaseName, table.Name, "")
			if err != nil {
				return "", fmt.Errorf("counting partitions of %s: %w", table.Name, err)
			}
			plan.total = len(all)
		}
		lines = append(lines, plan.explain(scan)...)
		return from, nil
	})
	if err != nil {
		return err
	}
	rows := make([][]string, len(lines))
	for i, line := range lines {
		rows[i] = []string{line}
	}
	r.give("EXPLAIN", explainColumns, rows)
	return nil
}

// explain describes a scan in the way of Redshift's plans.
func (p *scanPlan) explain(scan *rsql.Scan) []string {
	record := p.record()
	format := p.format
	if format == "" {
		format = "NONE"
	}
	lines := []string{
		fmt.Sprintf("  ->  XN S3 Query Scan %s  (cost=0.00..0.00 rows=0 width=0)", p.table.Name),
		fmt.Sprintf("        ->  S3 Seq Scan %s.%s location:\"%s\" format:%s  (cost=0.00..0.00 rows=0 width=0)",
			p.schema, p.table.Name, p.table.StorageDescriptor.Location, format),
	}
	if record.Partitioned {
		if e := scan.Expression(); e != "" {
			lines = append(lines, "              Partition Filter: "+e)
		}
		lines = append(lines, fmt.Sprintf("              Partitions: %d/%d", record.Partitions, record.Total))
	}
	return append(lines, fmt.Sprintf("              Files: %d  Bytes: %d", record.Files, record.FileBytes))
}

func width(columns []rsql.ResultColumn) int {
	n := 0
	for _, c := range columns {
		if size := c.Type.Size(); size > 0 {
			n += size
		} else {
			n += max(c.Type.Length, 8)
		}
	}
	return n
}
