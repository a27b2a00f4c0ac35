package rsql

import (
	"strconv"
	"strings"
)

func (p *parser) parseExplain() Statement {
	p.expect("explain")
	e := &Explain{Verbose: p.accept("verbose")}
	e.Statement = p.parseScriptStatement()
	switch e.Statement.(type) {
	case *Query, *Insert, *Update, *Delete, *CreateTable, *Execute:
		return e
	}
	p.fail(Pos(e.Statement.Position()), StateSyntax, "EXPLAIN takes a query, INSERT, UPDATE, DELETE, EXECUTE or CREATE TABLE AS")
	return nil
}

func (p *parser) parseSet() Statement {
	p.expect("set")
	switch {
	case p.at("transaction"):
		p.next++
		return &SetTransaction{Modes: p.parseTransactionModes()}
	case p.accept("session", "characteristics", "as", "transaction"):
		return &SetTransaction{Session: true, Modes: p.parseTransactionModes()}
	case p.accept("session", "authorization"):
		s := &Set{Name: "session_authorization"}
		if p.accept("default") {
			s.Default = true
			return s
		}
		s.Values = []string{p.parseSetValue()}
		return s
	}
	s := &Set{}
	if p.peekAt(1).kind == tokIdent && !p.at("time", "zone") {
		if s.Local = p.accept("local"); !s.Local {
			p.accept("session")
		}
	}
	if p.accept("time", "zone") {
		s.Name = "timezone"
	} else {
		s.Name = p.parseSettingName()
		if !p.accept("to") {
			p.expectOp("=")
		}
	}
	if p.accept("default") {
		s.Default = true
		return s
	}
	s.Values = list(p, p.parseSetValue)
	return s
}

// parseSettingName reads a parameter's name; those of a session's own have dots.
func (p *parser) parseSettingName() string {
	name := strings.ToLower(p.parseLabel().Text)
	for p.acceptOp(".") {
		name += "." + strings.ToLower(p.parseLabel().Text)
	}
	return name
}

// parseSetValue reads a string, word or number.
func (p *parser) parseSetValue() string {
	sign := ""
	if p.acceptOp("-") {
		sign = "-"
	} else {
		p.acceptOp("+")
	}
	tok := p.peek()
	if tok.kind == tokNumber || sign == "" && (tok.kind == tokString || tok.kind == tokIdent) {
		p.next++
		return sign + tok.text
	}
	p.unexpected()
	return ""
}

func (p *parser) parseReset() Statement {
	p.expect("reset")
	switch {
	case p.accept("session", "authorization"):
		return &Reset{Name: "session_authorization"}
	case p.accept("time", "zone"):
		return &Reset{Name: "timezone"}
	}
	return &Reset{Name: p.parseSettingName()}
}

func (p *parser) parseUse() Statement {
	p.expect("use")
	return &Use{Database: p.parseName()}
}

func (p *parser) parseBegin() Statement {
	if p.accept("start") {
		p.expect("transaction")
	} else {
		p.expect("begin")
		p.acceptAny("transaction", "work")
	}
	return &Begin{Modes: p.parseTransactionModes()}
}

func (p *parser) parseTransactionModes() (m TransactionModes) {
	for {
		switch {
		case p.accept("isolation", "level"):
			switch {
			case p.at("serializable"), p.at("snapshot"):
				m.Isolation = p.advance().text
			case p.accept("repeatable", "read"):
				m.Isolation = "repeatable read"
			case p.accept("read", "committed"):
				m.Isolation = "read committed"
			case p.accept("read", "uncommitted"):
				m.Isolation = "read uncommitted"
			default:
				p.unexpected()
			}
		case p.accept("read", "only"):
			m.Access = "read only"
		case p.accept("read", "write"):
			m.Access = "read write"
		default:
			return m
		}
		p.acceptOp(",")
	}
}

func (p *parser) parseCommit() Statement {
	p.next++
	p.acceptAny("transaction", "work")
	return &Commit{}
}

func (p *parser) parseRollback() Statement {
	p.next++
	p.acceptAny("transaction", "work")
	return &Rollback{}
}

func (p *parser) parseDeclare() Statement {
	p.expect("declare")
	c := &DeclareCursor{Name: p.parseName()}
	p.accept("no", "scroll")
	p.expect("cursor")
	if p.accept("with", "hold") {
		p.fail(p.tokens[p.next-2].pos, StateFeatureNotSupported, "DECLARE CURSOR WITH HOLD is not supported")
	}
	p.accept("without", "hold")
	p.expect("for")
	c.Query = p.parseQuery()
	return c
}

// parseFetch reads FETCH [NEXT | ALL | FORWARD [n|ALL] | n] [FROM|IN] name.
func (p *parser) parseFetch() Statement {
	p.expect("fetch")
	f := &FetchCursor{Count: 1}
	forward := p.accept("forward")
	switch {
	case p.accept("all"):
		f.Count = -1
	case p.peek().kind == tokNumber:
		f.Count = p.parseInteger()
	case !forward && (p.at("next", "from") || p.at("next", "in")):
		p.next++
	case p.at("backward") || p.at("prior") || p.at("absolute") || p.at("relative"):
		if p.peekAt(1).kind != tokEOF && !p.peekAt(1).op(";") {
			p.fail(p.peek().pos, StateFeatureNotSupported, "cursors can only move forward")
		}
	}
	if !p.accept("from") {
		p.accept("in")
	}
	f.Name = p.parseName()
	return f
}

func (p *parser) parseInteger() int64 {
	sign := ""
	if p.acceptOp("-") {
		sign = "-"
	}
	n, err := strconv.ParseInt(sign+p.peek().text, 10, 64)
	if p.peek().kind != tokNumber || err != nil {
		p.unexpected()
	}
	p.next++
	return n
}

func (p *parser) parseClose() Statement {
	p.expect("close")
	return &CloseCursor{Name: p.parseName()}
}

func (p *parser) parsePrepare() Statement {
	p.expect("prepare")
	s := &Prepare{Name: p.parseName()}
	if p.acceptOp("(") {
		s.Types = list(p, p.parseType)
		p.expectOp(")")
	}
	p.expect("as")
	s.Statement = p.parseScriptStatement()
	switch s.Statement.(type) {
	case *Query, *Insert, *Update, *Delete:
		return s
	}
	p.fail(Pos(s.Statement.Position()), StateSyntax, "PREPARE takes a query, INSERT, UPDATE or DELETE")
	return nil
}

func (p *parser) parseExecute() Statement {
	p.expect("execute")
	s := &Execute{Name: p.parseName()}
	if p.acceptOp("(") {
		s.Args = list(p, p.parseExpr)
		p.expectOp(")")
	}
	return s
}

func (p *parser) parseDeallocate() Statement {
	p.expect("deallocate")
	p.accept("prepare")
	if p.accept("all") {
		return &Deallocate{All: true}
	}
	return &Deallocate{Name: p.parseName()}
}

func (p *parser) parseDiscard() Statement {
	p.expect("discard")
	what := p.acceptAny("all", "plans", "temp", "temporary", "sequences")
	switch what {
	case "":
		p.unexpected()
	case "temporary":
		what = "temp"
	}
	return &Discard{What: what}
}

func (p *parser) parseCancel() Statement {
	p.expect("cancel")
	c := &Cancel{Process: p.parseInteger()}
	if p.peek().kind == tokString {
		c.Message = p.parseString()
	}
	return c
}
