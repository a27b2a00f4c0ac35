package node

import (
	"context"
	"crypto/tls"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/query/engine"
	"github.com/refract-io/refract/internal/query/pgwire"
)

// sqlAdmin is the SQL superuser that every installation has.
const sqlAdmin = "refract"

// openPassword reads the configured password of the SQL superuser, or one of the installation's own making.
func (n *Node) openPassword(context.Context) (err error) {
	if !n.cfg.Has(config.Query) {
		return nil
	}
	if n.sqlPassword = n.cfg.SQL.Password; n.sqlPassword == "" {
		n.sqlPassword, err = secretFile(n.path(sqlPasswordFile), newSecret(24))
	}
	return err
}

// openEngine opens the SQL engine.
func (n *Node) openEngine(ctx context.Context) error {
	if !n.cfg.Has(config.Query) {
		return nil
	}
	e, err := engine.Open(ctx, engine.Options{
		Dir: n.path("query"), MemoryLimit: n.cfg.SQL.MemoryLimit, Threads: n.cfg.SQL.Threads,
		Database: sqlDatabase, Admin: sqlAdmin, AdminPassword: n.sqlPassword,
		Catalog: n.catalog, Buckets: n.destinations.byName, Folders: []string{n.cfg.Lake.Dir}, Roles: n.schemaRoles(), Meta: n.db, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.engine = e
	n.onClose(e.Close)
	return nil
}

// runQuery serves SQL.
func (n *Node) runQuery(ctx context.Context, g *errgroup.Group, l net.Listener) error {
	server := &pgwire.Server{Backend: n.engine.Wire(), Log: n.log}
	if n.cfg.SQL.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(n.cfg.SQL.TLSCert, n.cfg.SQL.TLSKey)
		if err != nil {
			return fault.New(fault.Setup, "reading the certificate", n.cfg.SQL.TLSCert, err, "set sql.tls_cert and sql.tls_key to PEM files that belong together")
		}
		server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	g.Go(func() error { return server.Serve(ctx, l) })
	return nil
}
