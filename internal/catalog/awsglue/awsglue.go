// Package awsglue is the catalog.Catalog of AWS Glue itself, over its SDK.
//
// The SDK's own retries are off. Whether a call is repeated is decided by the class of its error where the whole step can be repeated:
// a batch that took effect before its answer was lost answers AlreadyExistsException for its own partitions when it is sent again,
// which a retry hidden in the client would turn into a failure. Throttling, timeouts and failures of the service are transient; what
// IAM, Lake Formation or the catalog's encryption denies is the user's to mend, and the hint says what to grant.
//
// The tests run the conformance suite (package catalogtest) over the embedded catalog's API. With REFRACT_TEST_AWS_GLUE set to a
// region they run it over AWS Glue itself, with the credentials of the environment, in databases of their own, which they delete.
package awsglue

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/refract-io/refract/internal/catalog"
)

// Client is a Glue Data Catalog. Lists that span several pages are not one state of the catalog: what is created or deleted
// meanwhile may or may not be in them.
type Client struct {
	api *glue.Client
	id  *string
}

var _ catalog.Catalog = (*Client)(nil)

// New returns the catalog of the account catalogID, or of the caller's own account if catalogID is empty. config says where it is
// (Region, or BaseEndpoint for another endpoint) and who calls. Calls are not retried, whatever config says.
func New(config aws.Config, catalogID string, options ...func(*glue.Options)) *Client {
	c := &Client{api: glue.NewFromConfig(config, append(options, func(o *glue.Options) { o.Retryer = aws.NopRetryer{} })...)}
	if catalogID != "" {
		c.id = &catalogID
	}
	return c
}

// GetDatabase implements catalog.Catalog.
func (c *Client) GetDatabase(ctx context.Context, name string) (*catalog.Database, error) {
	out, err := c.api.GetDatabase(ctx, &glue.GetDatabaseInput{CatalogId: c.id, Name: &name})
	if err != nil {
		return nil, classed("reading Glue database", name, err)
	}
	return fromDatabase(out.Database), nil
}

// GetDatabases implements catalog.Catalog. They are ordered by name.
func (c *Client) GetDatabases(ctx context.Context) ([]*catalog.Database, error) {
	var all []*catalog.Database
	pages := glue.NewGetDatabasesPaginator(c.api, &glue.GetDatabasesInput{CatalogId: c.id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classed("listing Glue databases", aws.ToString(c.id), err)
		}
		for i := range page.DatabaseList {
			all = append(all, fromDatabase(&page.DatabaseList[i]))
		}
	}
	slices.SortFunc(all, func(a, b *catalog.Database) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// CreateDatabase implements catalog.Catalog.
func (c *Client) CreateDatabase(ctx context.Context, d catalog.Database) error {
	_, err := c.api.CreateDatabase(ctx, &glue.CreateDatabaseInput{CatalogId: c.id, DatabaseInput: &types.DatabaseInput{
		Name: &d.Name, Description: text(d.Description), LocationUri: text(d.LocationURI), Parameters: d.Parameters,
	}})
	return classed("creating Glue database", d.Name, err)
}

// DeleteDatabase implements catalog.Catalog. Glue removes its tables "asynchronously in a timely manner".
func (c *Client) DeleteDatabase(ctx context.Context, name string) error {
	_, err := c.api.DeleteDatabase(ctx, &glue.DeleteDatabaseInput{CatalogId: c.id, Name: &name})
	return classed("deleting Glue database", name, err)
}

// GetTable implements catalog.Catalog.
func (c *Client) GetTable(ctx context.Context, database, name string) (*catalog.Table, error) {
	t, err := c.table(ctx, database, name)
	if err != nil {
		return nil, classed("reading Glue table", database+"."+name, err)
	}
	return fromTable(t), nil
}

func (c *Client) table(ctx context.Context, database, name string) (*types.Table, error) {
	out, err := c.api.GetTable(ctx, &glue.GetTableInput{CatalogId: c.id, DatabaseName: &database, Name: &name})
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

// GetTables implements catalog.Catalog. They are ordered by name.
func (c *Client) GetTables(ctx context.Context, database string) ([]*catalog.Table, error) {
	var all []*catalog.Table
	pages := glue.NewGetTablesPaginator(c.api, &glue.GetTablesInput{CatalogId: c.id, DatabaseName: &database})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classed("listing the tables of Glue database", database, err)
		}
		for i := range page.TableList {
			all = append(all, fromTable(&page.TableList[i]))
		}
	}
	slices.SortFunc(all, func(a, b *catalog.Table) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// CreateTable implements catalog.Catalog.
func (c *Client) CreateTable(ctx context.Context, database string, t catalog.TableInput) error {
	_, err := c.api.CreateTable(ctx, &glue.CreateTableInput{CatalogId: c.id, DatabaseName: &database, TableInput: tableInput(&types.TableInput{}, t)})
	return classed("creating Glue table", database+"."+t.Name, err)
}

// UpdateTable implements catalog.Catalog. Glue replaces the whole definition, so what the catalog's model doesn't hold (the target
// of a resource link, a schema registry's reference, skewed values) is read and sent back with it, under versionID or else the version
// that was read: a change by somebody else between the two calls fails with catalog.ErrConcurrentModification and is not lost.
func (c *Client) UpdateTable(ctx context.Context, database string, t catalog.TableInput, versionID string, skipArchive bool) error {
	const op = "updating Glue table"
	name := database + "." + t.Name
	if t.Name == "" {
		return &catalog.Error{Code: catalog.ErrInvalidInput, Message: "The table has no name."}
	}
	old, err := c.table(ctx, database, t.Name)
	if err != nil {
		return classed(op, name, err)
	}
	version := old.VersionId
	if versionID != "" {
		version = &versionID
	}
	_, err = c.api.UpdateTable(ctx, &glue.UpdateTableInput{
		CatalogId: c.id, DatabaseName: &database, TableInput: tableInput(kept(old), t), VersionId: version, SkipArchive: &skipArchive,
	})
	return classed(op, name, err)
}

// DeleteTable implements catalog.Catalog. Glue removes the partitions "asynchronously in a timely manner": a table that is created
// again at once may meet them.
func (c *Client) DeleteTable(ctx context.Context, database, name string) error {
	_, err := c.api.DeleteTable(ctx, &glue.DeleteTableInput{CatalogId: c.id, DatabaseName: &database, Name: &name})
	return classed("deleting Glue table", database+"."+name, err)
}

// GetTableVersions implements catalog.Catalog. They are ordered from the current version back.
func (c *Client) GetTableVersions(ctx context.Context, database, name string) ([]*catalog.Table, error) {
	var all []*catalog.Table
	pages := glue.NewGetTableVersionsPaginator(c.api, &glue.GetTableVersionsInput{CatalogId: c.id, DatabaseName: &database, TableName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classed("reading the versions of Glue table", database+"."+name, err)
		}
		for i := range page.TableVersions {
			v := fromTable(page.TableVersions[i].Table)
			v.VersionID = aws.ToString(page.TableVersions[i].VersionId)
			all = append(all, v)
		}
	}
	slices.SortStableFunc(all, func(a, b *catalog.Table) int { return cmp.Compare(versionNumber(b), versionNumber(a)) })
	return all, nil
}

// versionNumber reads a version id: "a string representation of an integer" (GetTableVersion). Any other sorts last.
func versionNumber(t *catalog.Table) int64 {
	n, err := strconv.ParseInt(t.VersionID, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
