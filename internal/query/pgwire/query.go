package pgwire

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgproto3"
)

// simpleQuery runs the statements of a script one after the other. The first error ends the script.
func (c *conn) simpleQuery(ctx context.Context, sql string) {
	c.dropStatement("")
	c.dropPortal("")
	statements, err := c.session.Parse(sql)
	if err != nil {
		c.report(err)
		return
	}
	if len(statements) == 0 {
		c.send(&pgproto3.EmptyQueryResponse{})
		return
	}
	for _, st := range statements {
		if err := c.runSimple(ctx, st); err != nil {
			if c.outErr == nil {
				c.report(err)
			}
			return
		}
	}
}

func (c *conn) runSimple(ctx context.Context, st Statement) (err error) {
	ctx, done := c.running(ctx)
	defer done()
	rows, err := st.Execute(ctx, nil, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if columns := rows.Columns(); columns != nil {
		c.send(rowDescription(columns, nil))
	}
	if _, err := c.sendRows(ctx, &cursor{rows: rows}, nil, 0); err != nil {
		return err
	}
	c.commandComplete(rows.Tag())
	return nil
}
