package rsql

import "strconv"

// typeNames maps every spelling of a type to the type it means without
// arguments.
var typeNames = map[string]Type{
	"bool": Bool, "boolean": Bool,
	"smallint": Int2, "int2": Int2,
	"int": Int4, "integer": Int4, "int4": Int4,
	"bigint": Int8, "int8": Int8,
	"decimal": Decimal(18, 0), "numeric": Decimal(18, 0),
	"real": Float4, "float4": Float4,
	"float": Float8, "float8": Float8, "double precision": Float8,
	"char": Char(1), "character": Char(1), "nchar": Char(1), "bpchar": Char(256),
	"varchar": Text, "character varying": Text, "nvarchar": Text, "text": Text, "string": Varchar(MaxVarcharLength),
	"date": Date, "time": Time, "time without time zone": Time, "timetz": TimeTZ, "time with time zone": TimeTZ,
	"timestamp": Timestamp, "timestamp without time zone": Timestamp, "datetime": Timestamp, "smalldatetime": Timestamp,
	"timestamptz": TimestampTZ, "timestamp with time zone": TimestampTZ,
	"interval year to month": IntervalYM, "interval day to second": IntervalDS,
	"super":   Super,
	"varbyte": {Kind: KindVarbyte, Length: 64000}, "varbinary": {Kind: KindVarbyte, Length: 64000},
	"binary varying": {Kind: KindVarbyte, Length: 64000}, "binary": {Kind: KindVarbyte, Length: 64000},
	"geometry": {Kind: KindGeometry}, "geography": {Kind: KindGeography}, "hllsketch": {Kind: KindHLLSketch},
	"name": NameType, "oid": OID, "regclass": Regclass, "regtype": Regtype, "regproc": Regclass,
}

// parseType reads a type name with its arguments.
func (p *parser) parseType() Type {
	p.enter()
	defer p.leave()
	tok := p.peek()
	if p.at("pg_catalog") && p.peekAt(1).op(".") {
		p.next += 2
	}
	if p.peek().kind != tokIdent {
		p.unexpected()
	}
	word := p.advance()
	if nested, ok := p.parseNestedType(word); ok {
		return nested
	}
	name := p.typeName(word)
	t, ok := typeNames[name]
	if word.quoted && word.text == "char" {
		t, ok = Char(1), true
	}
	if !ok {
		p.fail(tok.pos, StateUndefinedObject, "type \"%s\" does not exist", name)
	}
	if p.peek().op("(") {
		t = p.parseTypeArguments(t)
	}
	if t.Kind == KindTime || t.Kind == KindTimestamp {
		t = p.parseZoneSuffix(t)
	}
	if p.peek().op("[") && p.peekAt(1).op("]") {
		p.next += 2
		return CatalogArray(t)
	}
	return t
}

// typeName joins the words of a type's name.
func (p *parser) typeName(word token) string {
	if word.quoted {
		return word.text
	}
	switch word.text {
	case "double":
		p.expect("precision")
		return "double precision"
	case "character", "char", "national", "binary":
		name := word.text
		if name == "national" {
			if p.acceptAny("character", "char") == "" {
				p.unexpected()
			}
			name = "character"
		}
		if p.accept("varying") {
			if name == "binary" {
				return "binary varying"
			}
			return "character varying"
		}
		return name
	case "interval":
		switch {
		case p.accept("year", "to", "month"), p.accept("year"), p.accept("month"):
			return "interval year to month"
		case p.accept("day", "to", "second"):
			return "interval day to second"
		}
		if unit := p.acceptAny("day", "hour", "minute", "second"); unit != "" && p.accept("to") {
			p.acceptAny("hour", "minute", "second")
		}
		return "interval day to second"
	}
	return word.text
}

func (p *parser) parseZoneSuffix(t Type) Type {
	switch {
	case p.accept("with", "time", "zone"):
		if t.Kind == KindTime {
			return TimeTZ
		}
		return TimestampTZ
	case p.accept("without", "time", "zone"):
	}
	return t
}

func (p *parser) parseTypeArguments(t Type) Type {
	pos := p.expectOp("(")
	if p.at("max") {
		p.next++
		p.expectOp(")")
		switch t.Kind {
		case KindVarchar:
			return Varchar(MaxVarcharLength)
		case KindChar:
			return Char(MaxCharLength)
		}
		p.fail(pos, StateSyntax, "type modifier is not allowed for type \"%s\"", t.Name())
	}
	args := list(p, func() int {
		tok := p.peek()
		n, err := strconv.Atoi(tok.text)
		if tok.kind != tokNumber || err != nil {
			p.unexpected()
		}
		p.next++
		return n
	})
	p.expectOp(")")
	switch {
	case t.Kind == KindFloat8 && len(args) == 1:
		if args[0] < 1 || args[0] > 53 {
			p.fail(pos, StateInvalidParameter, "precision for type float must be between 1 and 53 bits")
		}
		if args[0] <= 24 {
			return Float4
		}
		return t
	case (t.Kind == KindTime || t.Kind == KindTimestamp || t.Kind == KindTimestampTZ || t.Kind == KindTimeTZ || t.interval()) && len(args) == 1:
		// A fractional second precision is accepted and has no effect.
		return t
	}
	t, err := withArguments(t, args)
	if err != nil {
		p.fail(pos, StateInvalidParameter, "%s", err)
	}
	return t
}

// parseNestedType reads Spectrum's struct<..>, array<..> and map<..>.
func (p *parser) parseNestedType(word token) (Type, bool) {
	if word.quoted || !p.peek().op("<") {
		return Type{}, false
	}
	switch word.text {
	case "array":
		p.next++
		elem := p.parseType()
		p.closeBracket()
		return ArrayOf(elem), true
	case "map":
		p.next++
		key := p.parseType()
		p.expectOp(",")
		value := p.parseType()
		p.closeBracket()
		return Type{Kind: KindMap, Key: &key, Elem: &value}, true
	case "struct":
		p.next++
		t := Type{Kind: KindStruct, Fields: list(p, func() StructField {
			name := p.parseLabel()
			p.expectOp(":")
			return StructField{Name: name.Text, Type: p.parseType()}
		})}
		p.closeBracket()
		return t, true
	}
	return Type{}, false
}

// closeBracket consumes >, splitting the >> that closes two brackets.
func (p *parser) closeBracket() {
	tok := &p.tokens[p.next]
	if tok.op(">>") {
		tok.text = ">"
		tok.start++
		tok.pos++
		return
	}
	p.expectOp(">")
}
