package glueapi

import (
	"context"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

const maxCatalogPage = 100 // CatalogGetterPageSize

type databaseRequest struct {
	CatalogID     string `json:"CatalogId"`
	Name          string
	DatabaseInput databaseInput
}

type databaseAnswer struct{ Database databaseShape }

func (s *server) getDatabase(ctx context.Context, in *databaseRequest) (*databaseAnswer, error) {
	if err := s.begin(ctx, "GetDatabase", in.CatalogID, s.databaseARN(in.Name), member{"name", in.Name}); err != nil {
		return nil, err
	}
	d, err := s.catalog.GetDatabase(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &databaseAnswer{s.database(d)}, nil
}

type databasesRequest struct {
	CatalogID         string `json:"CatalogId"`
	NextToken         string
	MaxResults        *int
	ResourceShareType string
	AttributesToGet   []string
}

type databasesAnswer struct {
	DatabaseList []any
	NextToken    string `json:",omitempty"`
}

func (s *server) getDatabases(ctx context.Context, in *databasesRequest) (*databasesAnswer, error) {
	if err := s.begin(ctx, "GetDatabases", in.CatalogID, s.databaseARN("*")); err != nil {
		return nil, err
	}
	if err := oneOf("resourceShareType", in.ResourceShareType, "FOREIGN", "ALL", "FEDERATED"); err != nil {
		return nil, err
	}
	if err := attributesOf(in.AttributesToGet, "NAME", "TARGET_DATABASE"); err != nil {
		return nil, err
	}
	var all []*catalog.Database
	if in.ResourceShareType != "FOREIGN" && in.ResourceShareType != "FEDERATED" { // those of other accounts: there are none
		var err error
		if all, err = s.catalog.GetDatabases(ctx); err != nil {
			return nil, err
		}
	}
	all, next, err := page(all, func(d *catalog.Database) string { return d.Name }, in.NextToken, in.MaxResults,
		maxCatalogPage, "GetDatabases", in.ResourceShareType)
	if err != nil {
		return nil, err
	}
	out := &databasesAnswer{DatabaseList: []any{}, NextToken: next}
	for _, d := range all {
		if len(in.AttributesToGet) > 0 {
			out.DatabaseList = append(out.DatabaseList, struct{ Name string }{d.Name})
			continue
		}
		out.DatabaseList = append(out.DatabaseList, s.database(d))
	}
	return out, nil
}

type createDatabaseRequest struct {
	databaseRequest
	Tags map[string]string
}

func (s *server) createDatabase(ctx context.Context, in *createDatabaseRequest) (none, error) {
	name := in.DatabaseInput.Name
	if err := s.begin(ctx, "CreateDatabase", in.CatalogID, s.databaseARN(name), member{"databaseInput.name", name}); err != nil {
		return none{}, err
	}
	d, err := in.DatabaseInput.model()
	if err != nil {
		return none{}, err
	}
	return none{}, s.catalog.CreateTaggedDatabase(ctx, d, in.Tags)
}

func (s *server) updateDatabase(ctx context.Context, in *databaseRequest) (none, error) {
	if err := s.begin(ctx, "UpdateDatabase", in.CatalogID, s.databaseARN(in.Name), member{"name", in.Name},
		member{"databaseInput.name", in.DatabaseInput.Name}); err != nil {
		return none{}, err
	}
	d, err := in.DatabaseInput.model()
	if err != nil {
		return none{}, err
	}
	return none{}, s.catalog.UpdateDatabase(ctx, in.Name, d)
}

func (s *server) deleteDatabase(ctx context.Context, in *databaseRequest) (none, error) {
	held := append(s.tableARN(in.Name, "*"), s.arn("userDefinedFunction/"+strings.ToLower(in.Name)+"/*"))
	if err := s.begin(ctx, "DeleteDatabase", in.CatalogID, held, member{"name", in.Name}); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.DeleteDatabase(ctx, in.Name)
}
