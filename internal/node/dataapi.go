package node

import (
	"context"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/query/dataapi"
	"github.com/refract-io/refract/internal/query/engine"
	"github.com/refract-io/refract/internal/query/engine/iam"
)

// warehouseName is what the embedded warehouse is called where Redshift has names: workgroup, namespace and cluster.
const warehouseName = "refract"

// runDataAPI adds the services of the warehouse to those of the AWS-compatible endpoint, if this process has the warehouse.
func (n *Node) runDataAPI(ctx context.Context, g *errgroup.Group, services map[string]http.Handler, secrets dataapi.Secrets) error {
	if n.engine == nil {
		return nil
	}
	api, err := dataapi.Open(ctx, dataapi.Config{
		Warehouse: n.engine.DataAPI(), Auth: n.authority, Secrets: secrets, Meta: n.db, Dir: n.path("statements"),
		Partition: "aws", Account: n.cfg.AWS.Account, Region: n.cfg.AWS.Region, Name: warehouseName, Address: n.addresses.SQL, Log: n.log,
	})
	if err != nil {
		return err
	}
	g.Go(func() error { return api.Run(ctx) })
	services["redshift-data"], services["redshift-serverless"], services["redshift"] = api.Handler(), api.Serverless(), api.Cluster()
	return nil
}

// schemaRoles evaluates the roles of external schemas by the accounts of the endpoint. Where none are configured, no role is known, and the
// roles that external schemas name are names only.
func (n *Node) schemaRoles() engine.Roles {
	if n.authority == nil || n.cfg.AWS.Identities == "" {
		return nil
	}
	return &iam.Roles{Authority: n.authority, Partition: "aws", Account: n.cfg.AWS.Account, Region: n.cfg.AWS.Region, Cluster: warehouseName}
}
