package segment

// Filtered selects rows of batches. It is reused from batch to batch.
type Filtered struct {
	rows   Batch
	chosen []int
}

// Select returns the rows of b with after < position <= upTo, as a reader needs them when its window ends inside a segment: b itself if
// those are all, otherwise copies as Take makes them. b has the column Position.
func (f *Filtered) Select(b *Batch, after, upTo uint64) *Batch {
	f.chosen = f.chosen[:0]
	for i, p := range b.Position {
		if p > after && p <= upTo {
			f.chosen = append(f.chosen, i)
		}
	}
	return f.Take(b, f.chosen)
}

// Take returns the rows of b with the ascending indices: b itself if those are all, otherwise copies that are valid until the next call.
// It keeps the columns that b has.
func (f *Filtered) Take(b *Batch, rows []int) *Batch {
	if len(rows) == b.Len {
		return b
	}
	to := &f.rows
	to.Day, to.Len = b.Day, len(rows)
	takeTexts := func(to, from *Text) {
		if from.Offsets == nil {
			*to = Text{}
			return
		}
		to.Offsets, to.Data = append(to.Offsets[:0], 0), to.Data[:0]
		for _, i := range rows {
			to.Data = append(to.Data, from.At(i)...)
			to.Offsets = append(to.Offsets, uint32(len(to.Data)))
		}
	}
	to.Index = takeNumbers(to.Index, b.Index, rows)
	to.Received = takeNumbers(to.Received, b.Received, rows)
	to.Time = takeNumbers(to.Time, b.Time, rows)
	to.Position = takeNumbers(to.Position, b.Position, rows)
	for t := range numTexts {
		takeTexts(to.text(t), b.text(t))
	}
	return to
}

func takeNumbers[T any](to, from []T, rows []int) []T {
	if from == nil {
		return nil
	}
	to = to[:0]
	for _, i := range rows {
		to = append(to, from[i])
	}
	return to
}
