package rsql

import (
	"fmt"
	"strconv"
	"strings"
)

// glueScalars maps the Hive type names a Glue table uses to Redshift's types.
// Hive's string has no length: Spectrum shows it as varchar(65535).
var glueScalars = map[string]Type{
	"boolean":          Bool,
	"tinyint":          Int2,
	"smallint":         Int2,
	"int":              Int4,
	"integer":          Int4,
	"bigint":           Int8,
	"long":             Int8,
	"float":            Float4,
	"real":             Float4,
	"double":           Float8,
	"double precision": Float8,
	"string":           Varchar(MaxVarcharLength),
	"varchar":          Varchar(MaxVarcharLength),
	"char":             Char(1),
	"date":             Date,
	"timestamp":        Timestamp,
	"binary":           {Kind: KindVarbyte, Length: 64000},
	"decimal":          Decimal(10, 0),
	"numeric":          Decimal(10, 0),
}

// maxTypeDepth is how deep Spectrum lets struct, array and map nest.
const maxTypeDepth = 100

// ParseGlueType reads a column type as the Glue Data Catalog holds it, in
// Hive's notation: bigint, decimal(10,2), struct<a:int,b:array<string>>.
func ParseGlueType(text string) (Type, error) {
	p := glueTypeParser{src: text}
	t, err := p.parse(0)
	if err == nil && strings.TrimSpace(p.src[p.off:]) != "" {
		err = fmt.Errorf("unexpected %q", p.src[p.off:])
	}
	if err != nil {
		return Type{}, fmt.Errorf("reading Glue type %q: %w", text, err)
	}
	return t, nil
}

type glueTypeParser struct {
	src string
	off int
}

func (p *glueTypeParser) parse(depth int) (Type, error) {
	if depth > maxTypeDepth {
		return Type{}, fmt.Errorf("nested deeper than %d levels", maxTypeDepth)
	}
	word := strings.ToLower(p.word("<>(),:"))
	switch word {
	case "array":
		elem, err := p.inBrackets(depth, p.parse)
		if err != nil {
			return Type{}, err
		}
		return ArrayOf(elem), nil
	case "map":
		return p.inBrackets(depth, p.parseMap)
	case "struct":
		return p.inBrackets(depth, p.parseStruct)
	}
	t, ok := glueScalars[word]
	if !ok {
		return Type{}, fmt.Errorf("unknown type %q", word)
	}
	args, err := p.arguments()
	if err != nil || len(args) == 0 {
		return t, err
	}
	return withArguments(t, args)
}

// withArguments gives t the length or precision and scale in args.
func withArguments(t Type, args []int) (Type, error) {
	switch {
	case t.Kind == KindDecimal && len(args) <= 2:
		t.Precision, t.Scale = args[0], 0
		if len(args) == 2 {
			t.Scale = args[1]
		}
		if t.Precision < 1 || t.Precision > MaxPrecision {
			return t, fmt.Errorf("DECIMAL precision %d must be between 1 and %d", t.Precision, MaxPrecision)
		}
		if t.Scale > t.Precision {
			return t, fmt.Errorf("DECIMAL scale %d must be between 0 and precision %d", t.Scale, t.Precision)
		}
		return t, nil
	case (t.Kind == KindVarchar || t.Kind == KindChar || t.Kind == KindVarbyte) && len(args) == 1:
		if args[0] < 1 {
			return t, fmt.Errorf("length for type %s must be at least 1", t.Name())
		}
		most := map[Kind]int{KindVarchar: MaxVarcharLength, KindChar: MaxCharLength, KindVarbyte: 16777216}[t.Kind]
		if args[0] > most {
			return t, fmt.Errorf("length for type %s cannot exceed %d", t.Name(), most)
		}
		t.Length = args[0]
		return t, nil
	}
	return t, fmt.Errorf("type modifier is not allowed for type \"%s\"", t.Name())
}

func (p *glueTypeParser) parseMap(depth int) (Type, error) {
	key, err := p.parse(depth)
	if err != nil {
		return Type{}, err
	}
	if err := p.expect(','); err != nil {
		return Type{}, err
	}
	value, err := p.parse(depth)
	if err != nil {
		return Type{}, err
	}
	return Type{Kind: KindMap, Key: &key, Elem: &value}, nil
}

func (p *glueTypeParser) parseStruct(depth int) (Type, error) {
	t := Type{Kind: KindStruct}
	for {
		name := p.fieldName()
		if name == "" {
			return t, fmt.Errorf("a struct field has no name")
		}
		if err := p.expect(':'); err != nil {
			return t, err
		}
		field, err := p.parse(depth)
		if err != nil {
			return t, err
		}
		t.Fields = append(t.Fields, StructField{Name: name, Type: field})
		if !p.accept(',') {
			return t, nil
		}
	}
}

// fieldName reads a struct field's name, which may be quoted with backticks.
func (p *glueTypeParser) fieldName() string {
	p.skipSpace()
	if p.off < len(p.src) && p.src[p.off] == '`' {
		if end := strings.IndexByte(p.src[p.off+1:], '`'); end >= 0 {
			name := p.src[p.off+1 : p.off+1+end]
			p.off += end + 2
			return name
		}
	}
	return p.word(":,<>")
}

func (p *glueTypeParser) inBrackets(depth int, inner func(int) (Type, error)) (Type, error) {
	if err := p.expect('<'); err != nil {
		return Type{}, err
	}
	t, err := inner(depth + 1)
	if err != nil {
		return Type{}, err
	}
	return t, p.expect('>')
}

func (p *glueTypeParser) arguments() ([]int, error) {
	if !p.accept('(') {
		return nil, nil
	}
	var args []int
	for {
		n, err := strconv.Atoi(p.word("(),<>:"))
		if err != nil {
			return nil, fmt.Errorf("a type argument is not a number")
		}
		args = append(args, n)
		if !p.accept(',') {
			return args, p.expect(')')
		}
	}
}

// word reads up to one of the stop bytes and trims white space.
func (p *glueTypeParser) word(stops string) string {
	n := strings.IndexAny(p.src[p.off:], stops)
	if n < 0 {
		n = len(p.src) - p.off
	}
	text := p.src[p.off : p.off+n]
	p.off += n
	return strings.TrimSpace(text)
}

func (p *glueTypeParser) skipSpace() {
	for p.off < len(p.src) && (p.src[p.off] == ' ' || p.src[p.off] == '\t' || p.src[p.off] == '\n') {
		p.off++
	}
}

func (p *glueTypeParser) accept(c byte) bool {
	p.skipSpace()
	if p.off < len(p.src) && p.src[p.off] == c {
		p.off++
		return true
	}
	return false
}

func (p *glueTypeParser) expect(c byte) error {
	if !p.accept(c) {
		return fmt.Errorf("expected %q at byte %d", c, p.off)
	}
	return nil
}
