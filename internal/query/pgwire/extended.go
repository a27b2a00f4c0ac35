package pgwire

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
)

// preparedStatement is a statement that Parse made; a nil Statement is an empty query.
type preparedStatement struct{ Statement }

// portal is a statement with its parameters, and its result once it runs.
type portal struct {
	statement *preparedStatement
	params    []Value
	formats   []int16
	cursor    *cursor
	done      bool
}

// maxPrepared bounds the statements and portals of one session each.
const maxPrepared = 10_000

func (c *conn) parse(ctx context.Context, m *pgproto3.Parse) error {
	if m.Name == "" {
		c.dropStatement("")
	} else if _, taken := c.statements[m.Name]; taken {
		return newError(codeDuplicate, fmt.Sprintf("prepared statement %s already exists", quoted(m.Name)))
	}
	if len(c.statements) >= maxPrepared {
		return newError(codeTooLarge, "too many prepared statements in this session")
	}
	ctx, done := c.running(ctx)
	defer done()
	st, err := c.session.Prepare(ctx, m.Query, m.ParameterOIDs)
	if err != nil {
		return err
	}
	c.statements[m.Name] = &preparedStatement{st}
	c.send(&pgproto3.ParseComplete{})
	return nil
}

func (c *conn) bind(m *pgproto3.Bind) error {
	st, err := c.statement(m.PreparedStatement)
	if err != nil {
		return err
	}
	var want, columns int
	if st.Statement != nil {
		want, columns = len(st.Params()), len(st.Columns())
	}
	if len(m.Parameters) != want {
		return newError(codeProtocol, fmt.Sprintf("bind message supplies %d parameters, but prepared statement %s requires %d",
			len(m.Parameters), quoted(m.PreparedStatement), want))
	}
	if n := len(m.ParameterFormatCodes); n > 1 && n != want {
		return newError(codeProtocol, fmt.Sprintf("bind message has %d parameter formats but %d parameters", n, want))
	}
	if n := len(m.ResultFormatCodes); n > 1 && n != columns {
		return newError(codeProtocol, fmt.Sprintf("bind message has %d result formats but query has %d columns", n, columns))
	}
	p := &portal{statement: st, formats: append([]int16(nil), m.ResultFormatCodes...)}
	for _, code := range append(p.formats, m.ParameterFormatCodes...) {
		if code != textFormat && code != binaryFormat {
			return newError(codeProtocol, fmt.Sprintf("unsupported format code: %d", code))
		}
	}
	for i, data := range m.Parameters {
		v := Value{Binary: format(m.ParameterFormatCodes, i) == binaryFormat}
		if data != nil {
			v.Data = append([]byte{}, data...) // data lies in the read buffer
		}
		p.params = append(p.params, v)
	}
	if m.DestinationPortal == "" {
		c.dropPortal("")
	} else if _, taken := c.portals[m.DestinationPortal]; taken {
		return newError(codeDuplicateCur, fmt.Sprintf("cursor %s already exists", quoted(m.DestinationPortal)))
	}
	if len(c.portals) >= maxPrepared {
		return newError(codeTooLarge, "too many portals in this session")
	}
	c.portals[m.DestinationPortal] = p
	c.send(&pgproto3.BindComplete{})
	return nil
}

func (c *conn) describe(m *pgproto3.Describe) error {
	var st *preparedStatement
	var formats []int16
	if m.ObjectType == 'P' {
		p, ok := c.portals[m.Name]
		if !ok {
			return newError(codeNoPortal, fmt.Sprintf("portal %s does not exist", quoted(m.Name)))
		}
		st, formats = p.statement, p.formats
	} else {
		var err error
		if st, err = c.statement(m.Name); err != nil {
			return err
		}
		var oids []uint32
		if st.Statement != nil {
			oids = st.Params()
		}
		c.send(&pgproto3.ParameterDescription{ParameterOIDs: oids})
	}
	if st.Statement == nil || st.Columns() == nil {
		c.send(&pgproto3.NoData{})
		return nil
	}
	c.send(rowDescription(st.Columns(), formats))
	return nil
}

func (c *conn) execute(ctx context.Context, m *pgproto3.Execute) error {
	p, ok := c.portals[m.Portal]
	if !ok {
		return newError(codeNoPortal, fmt.Sprintf("portal %s does not exist", quoted(m.Portal)))
	}
	if p.statement.Statement == nil {
		c.send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	if p.cursor == nil && p.done {
		return newError("55000", fmt.Sprintf("portal %s cannot be run anymore", quoted(m.Portal)))
	}
	ctx, done := c.running(ctx)
	defer done()
	if p.cursor == nil {
		// A portal with a row limit outlives this message, and other statements may run before it goes on.
		rows, err := p.statement.Execute(ctx, p.params, m.MaxRows > 0)
		if err != nil {
			p.done = true
			return err
		}
		p.cursor = &cursor{rows: rows}
	}
	end, err := c.sendRows(ctx, p.cursor, p.formats, m.MaxRows)
	if err != nil {
		p.close()
		return err
	}
	if !end {
		c.send(&pgproto3.PortalSuspended{})
		return nil
	}
	tag := p.cursor.rows.Tag()
	if err := p.close(); err != nil {
		return err
	}
	c.commandComplete(tag)
	return nil
}

func (c *conn) close(m *pgproto3.Close) error {
	if m.ObjectType == 'P' {
		c.dropPortal(m.Name)
	} else {
		c.dropStatement(m.Name)
	}
	c.send(&pgproto3.CloseComplete{})
	return nil
}

func (c *conn) statement(name string) (*preparedStatement, error) {
	st, ok := c.statements[name]
	if !ok {
		return nil, newError(codeNoStatement, fmt.Sprintf("prepared statement %s does not exist", quoted(name)))
	}
	return st, nil
}

// close ends the portal's result; the portal can't be run again.
func (p *portal) close() error {
	p.done = true
	if p.cursor == nil {
		return nil
	}
	rows := p.cursor.rows
	p.cursor = nil
	return rows.Close()
}

// dropStatement forgets a statement with the portals made from it.
func (c *conn) dropStatement(name string) {
	st, ok := c.statements[name]
	if !ok {
		return
	}
	delete(c.statements, name)
	for portal, p := range c.portals {
		if p.statement == st {
			c.dropPortal(portal)
		}
	}
}

func (c *conn) dropPortal(name string) {
	if p, ok := c.portals[name]; ok {
		delete(c.portals, name)
		if err := p.close(); err != nil {
			c.server.log().Warn("closing a portal", "process", c.id, "error", err)
		}
	}
}

func (c *conn) closePortals() {
	for name := range c.portals {
		c.dropPortal(name)
	}
}
