package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/refract-io/refract/internal/aws/grant"
)

// sizeQuestion is a table of a size of which Glue's documents do not say whether it is taken.
type sizeQuestion struct {
	name string
	// columns is how many columns the table has, and comment how many characters each one's comment.
	columns, comment int
}

// Redshift shows tables of at most 1,597 columns; those of one event in multischema tables of Mixpanel may have more.
var glueQuestions = []sizeQuestion{
	{name: "a Glue table of 5,000 columns", columns: 5_000},
	{name: "a Glue table of 1 MB", columns: 4_000, comment: 250},
}

// sizes asks them.
func (t *tables) sizes(ctx context.Context) {
	for i, q := range glueQuestions {
		if ctx.Err() != nil {
			return
		}
		mark, began := len(t.undo), time.Now()
		wide := *t
		wide.table = fmt.Sprintf("%s%s_wide_%d", grant.ProbeTable, t.examination.probe, i)
		t.undo = append(t.undo, wide.discard)
		c := Check{Area: questions, Name: q.name, Status: Found, Detail: "it is taken"}
		if err := t.whole(ctx, func(ctx context.Context) error { return wide.createWide(ctx, q) }); err != nil {
			c.Detail = "it is refused: " + plain(err)
			if d := diagnose(err); d.denied || d.status == Unclear {
				c.take(d)
				c.Status = Unclear
			}
		}
		c.Milliseconds = time.Since(began).Milliseconds()
		t.checks = append(t.checks, c)
		t.cleanUpTo(ctx, mark)
	}
}

func (t *tables) createWide(ctx context.Context, q sizeQuestion) error {
	in := t.input()
	in.StorageDescriptor.Columns = make([]types.Column, q.columns)
	for i := range in.StorageDescriptor.Columns {
		in.StorageDescriptor.Columns[i] = types.Column{Name: aws.String(fmt.Sprintf("c%04d", i)), Type: aws.String("string")}
		if q.comment > 0 {
			in.StorageDescriptor.Columns[i].Comment = aws.String(strings.Repeat("x", q.comment))
		}
	}
	_, err := t.api.CreateTable(ctx, &glue.CreateTableInput{CatalogId: t.catalog, DatabaseName: t.database, TableInput: in})
	return err
}
