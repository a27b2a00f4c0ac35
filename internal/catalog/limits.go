package catalog

import (
	"strings"
	"unicode/utf8"
)

// Limits of the shapes in the AWS Glue API model, in characters.
const (
	maxName           = 255
	maxType           = 131_072
	maxComment        = 255
	maxDescription    = 2048
	maxLocation       = 2056
	maxFormat         = 128
	maxParameterKey   = 255
	maxParameterValue = 512_000
	maxViewText       = 409_600
	maxPartitionValue = 1024
)

// checks gathers the violations of a request; the first one is the answer.
type checks struct{ err error }

func (c *checks) fail(format string, args ...any) {
	if c.err == nil {
		c.err = refuse(ErrInvalidInput, format, args...)
	}
}

// text checks a length in characters. Glue's texts are valid Unicode; names and comments have one line.
func (c *checks) text(member, s string, least, most int) {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		c.fail("Value at '%s' is not valid UTF-8 text", member)
	case n < least:
		c.fail("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have length greater than or equal to %d", s, member, least)
	case n > most:
		c.fail("1 validation error detected: Value of %d characters at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", n, member, most)
	}
}

func (c *checks) line(member, s string, least, most int) {
	c.text(member, s, least, most)
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' }) >= 0 {
		c.fail("Value at '%s' holds a line break or another control character", member)
	}
}

func (c *checks) parameters(member string, parameters map[string]string) {
	for key, value := range parameters {
		c.line(member+".key", key, 1, maxParameterKey)
		c.text(member+"."+key, value, 0, maxParameterValue)
	}
}

func (c *checks) database(d *Database) {
	c.line("databaseInput.name", d.Name, 1, maxName)
	c.text("databaseInput.description", d.Description, 0, maxDescription)
	c.line("databaseInput.locationUri", d.LocationURI, 0, maxLocation)
	c.parameters("databaseInput.parameters", d.Parameters)
}

func (c *checks) table(t *TableInput) {
	c.line("tableInput.name", t.Name, 1, maxName)
	c.text("tableInput.description", t.Description, 0, maxDescription)
	c.line("tableInput.owner", t.Owner, 0, maxName)
	c.line("tableInput.tableType", t.TableType, 0, maxName)
	c.text("tableInput.viewOriginalText", t.ViewOriginalText, 0, maxViewText)
	c.text("tableInput.viewExpandedText", t.ViewExpandedText, 0, maxViewText)
	c.parameters("tableInput.parameters", t.Parameters)
	if t.Retention < 0 {
		c.fail("Value '%d' at 'tableInput.retention' failed to satisfy constraint: Member must be at least 0", t.Retention)
	}
	c.descriptor(&t.StorageDescriptor)
	c.columns("partitionKeys", t.PartitionKeys)
	// A key that is also a column could not be read by any engine: Hive, Athena and Spectrum refuse the table.
	c.distinct(append(append([]Column{}, t.StorageDescriptor.Columns...), t.PartitionKeys...))
}

func (c *checks) descriptor(d *StorageDescriptor) {
	c.columns("columns", d.Columns)
	c.distinct(d.Columns)
	c.line("storageDescriptor.location", d.Location, 0, maxLocation)
	c.line("storageDescriptor.inputFormat", d.InputFormat, 0, maxFormat)
	c.line("storageDescriptor.outputFormat", d.OutputFormat, 0, maxFormat)
	c.line("serdeInfo.name", d.SerdeInfo.Name, 0, maxName)
	c.line("serdeInfo.serializationLibrary", d.SerdeInfo.SerializationLibrary, 0, maxName)
	c.parameters("serdeInfo.parameters", d.SerdeInfo.Parameters)
	c.parameters("storageDescriptor.parameters", d.Parameters)
	for _, name := range d.BucketColumns {
		c.line("bucketColumns", name, 1, maxName)
	}
	for _, s := range d.SortColumns {
		c.line("sortColumns.column", s.Column, 1, maxName)
		if s.SortOrder != 0 && s.SortOrder != 1 {
			c.fail("Value '%d' at 'sortColumns.sortOrder' failed to satisfy constraint: Member must be 0 or 1", s.SortOrder)
		}
	}
}

func (c *checks) columns(member string, columns []Column) {
	name, hiveType, comment, parameters := member+".name", member+".type", member+".comment", member+".parameters"
	for _, column := range columns {
		c.line(name, column.Name, 1, maxName)
		c.line(hiveType, column.Type, 0, maxType)
		c.line(comment, column.Comment, 0, maxComment)
		c.parameters(parameters, column.Parameters)
	}
}

func (c *checks) distinct(columns []Column) {
	seen := make(map[string]bool, len(columns))
	for _, column := range columns {
		name := strings.ToLower(column.Name)
		if seen[name] {
			c.fail("Duplicate column name '%s'.", name)
		}
		seen[name] = true
	}
}

func (c *checks) values(values []string, keys int) {
	if len(values) != keys || keys == 0 {
		c.fail("The number of partition keys do not match the number of partition values")
	}
	for _, value := range values {
		c.text("partitionValueList", value, 1, maxPartitionValue)
	}
}

func (c *checks) batch(member string, n, most int) {
	if n > most {
		c.fail("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", member, most)
	}
}
