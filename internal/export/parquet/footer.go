package parquet

// appendFooter fills w.header with the file's metadata: FileMetaData of parquet.thrift.
func (w *Writer) appendFooter() {
	t := &w.header
	t.reset()
	t.i32(1, 1) // version
	t.list(2, 1+len(w.columns), thriftStruct)
	t.open()
	t.text(4, "schema")
	t.i32(5, int64(len(w.columns)))
	t.end()
	for _, c := range w.columns {
		w.appendElement(t, c)
	}
	t.i64(3, w.rows)
	t.list(4, len(w.groups), thriftStruct)
	for i := range w.groups {
		w.appendGroup(t, i)
	}
	t.text(6, createdBy)
	t.list(7, len(w.columns), thriftStruct)
	for range w.columns {
		t.open()
		t.begin(1) // TYPE_ORDER
		t.end()
		t.end()
	}
	t.stop()
}

// appendElement appends a column's SchemaElement.
func (w *Writer) appendElement(t *compact, c Column) {
	physical, converted := c.Type.physical()
	t.open()
	t.i32(1, int64(physical))
	t.i32(3, repetitionOptional)
	t.text(4, c.Name)
	if converted != convertedNone {
		t.i32(6, int64(converted))
	}
	if c.Type == Timestamp {
		t.begin(10) // LogicalType
		t.begin(8)  // TIMESTAMP
		t.boolean(1, false)
		t.begin(2)
		t.begin(2) // MICROS
		t.end()
		t.end()
		t.end()
		t.end()
	}
	t.end()
}

// appendGroup appends a RowGroup.
func (w *Writer) appendGroup(t *compact, i int) {
	g := &w.groups[i]
	t.open()
	t.list(1, len(g.chunks), thriftStruct)
	for j := range g.chunks {
		w.appendChunk(t, w.columns[j], g, &g.chunks[j])
	}
	t.i64(2, g.uncompressed)
	t.i64(3, g.rows)
	t.i64(5, g.offset)
	t.i64(6, g.compressed)
	if i <= 1<<15-1 {
		t.i16(7, int64(i))
	}
	t.end()
}

// appendChunk appends a ColumnChunk with its ColumnMetaData.
func (w *Writer) appendChunk(t *compact, c Column, g *groupMeta, m *chunkMeta) {
	physical, _ := c.Type.physical()
	start := m.data
	t.open()
	if m.dictionary != 0 {
		start = m.dictionary
	}
	t.i64(2, start)
	t.begin(3)
	t.i32(1, int64(physical))
	if m.dictionary != 0 {
		t.list(2, 3, thriftI32)
		t.varint(encodingPlain)
		t.varint(encodingRLE)
		t.varint(encodingRLEDictionary)
	} else {
		t.list(2, 2, thriftI32)
		t.varint(encodingPlain)
		t.varint(encodingRLE)
	}
	t.list(3, 1, thriftBinary)
	t.element(c.Name)
	t.i32(4, codecSnappy)
	t.i64(5, g.rows)
	t.i64(6, m.uncompressed)
	t.i64(7, m.compressed)
	t.i64(9, m.data)
	if m.dictionary != 0 {
		t.i64(11, m.dictionary)
	}
	t.begin(12)
	b := &m.bounds
	// The old fields are compared as signed bytes, which is wrong for text; readers that know only them prune numbers and times.
	if b.max != nil && c.Type != String {
		t.binary(1, b.max)
		t.binary(2, b.min)
	}
	t.i64(3, m.nulls)
	if b.max != nil {
		t.binary(5, b.max)
		t.binary(6, b.min)
		t.boolean(7, b.maxExact)
		t.boolean(8, b.minExact)
	}
	t.end()
	t.end()
	t.end()
}
