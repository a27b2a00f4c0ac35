package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/identity"
	"github.com/refract-io/refract/internal/aws/kms"
	"github.com/refract-io/refract/internal/aws/s3api"
	"github.com/refract-io/refract/internal/aws/secrets"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/intake/collect"
	"github.com/refract-io/refract/internal/platform/fault"
)

// awsCredentialsFile is in the form that AWS's tools read (AWS_SHARED_CREDENTIALS_FILE).
const awsCredentialsFile = "aws-credentials"

// kmsKeysFile holds the material of the keys of KMS.
const kmsKeysFile = "kms-keys.json"

// adminPolicy lets the installation's own user do everything, as an account's administrator may.
const adminPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// sqlAdminSecret is the secret by which clients of the Redshift Data API refer to the SQL administrator's password.
const sqlAdminSecret = "refract/sql-admin"

// awsTransfer bounds one request: an object has up to 5 GiB.
const awsTransfer = time.Hour

// openAWS reads who may use the AWS-compatible endpoint.
func (n *Node) openAWS(context.Context) (err error) {
	if n.cfg.AWS.Listen == "" {
		return nil
	}
	if n.identities, err = n.awsIdentities(); err != nil {
		return err
	}
	if n.authority, err = sts.New(n.identities.Accounts, nil); err != nil {
		return fault.New(fault.Setup, "reading the accounts of", "the AWS-compatible endpoint", err, "correct the file that aws.identities names")
	}
	return nil
}

// runAWS serves the AWS-compatible endpoint.
func (n *Node) runAWS(ctx context.Context, g *errgroup.Group, l net.Listener) error {
	identities, authority := n.identities, n.authority
	keys, err := kms.New(kms.Config{
		Account: n.cfg.AWS.Account, Region: n.cfg.AWS.Region, Keys: identities.Keys, Path: n.path(kmsKeysFile), Auth: authority, Log: n.log,
	})
	if err != nil {
		return err
	}
	vault, err := secrets.New(secrets.Config{Account: n.cfg.AWS.Account, Region: n.cfg.AWS.Region, Secrets: identities.Secrets, Auth: authority, Log: n.log})
	if err != nil {
		return fault.New(fault.Setup, "reading the secrets of", "the AWS-compatible endpoint", err, "correct the file that aws.identities names")
	}
	services := map[string]http.Handler{
		"glue":           glueapi.New(n.catalog, authority, glueapi.Config{Partition: "aws", Account: n.cfg.AWS.Account, Region: n.cfg.AWS.Region, Log: n.log}),
		"kms":            keys,
		"secretsmanager": vault,
	}
	if err := n.runDataAPI(ctx, g, services, vault); err != nil {
		return err
	}
	objects, err := s3api.New(s3api.Config{
		Authority: authority, Account: n.cfg.AWS.Account, Region: n.cfg.AWS.Region, Lake: n.lake, LakeName: n.cfg.Lake.Bucket, Folder: n.path("buckets"),
		Keys: keys, Secure: n.cfg.AWS.TLSCert != "", Log: n.log,
	})
	if err != nil {
		return err
	}
	handler := endpoint.New(endpoint.Config{
		Authority: authority, Region: n.cfg.AWS.Region, S3: objects, Throttle: float64(n.cfg.AWS.ThrottlePercent) / 100, Log: n.log, Services: services,
	})
	g.Go(func() error { return objects.Run(ctx) })
	g.Go(func() error {
		return collect.Serve(ctx, l, handler, collect.ServerConfig{
			CertFile: n.cfg.AWS.TLSCert, KeyFile: n.cfg.AWS.TLSKey, ReadTimeout: awsTransfer, WriteTimeout: awsTransfer, Logger: n.log,
		})
	})
	return nil
}

// awsIdentities returns the configured accounts and the installation's own user and secret, which are always there.
func (n *Node) awsIdentities() (*identity.File, error) {
	key, err := awsKey(n.path(awsCredentialsFile))
	if err != nil {
		return nil, err
	}
	out := &identity.File{}
	if n.cfg.AWS.Identities != "" {
		if out, err = identity.Load(n.cfg.AWS.Identities, n.cfg.AWS.Account); err != nil {
			return nil, err
		}
	}
	admin := sts.User{Name: sqlAdmin, AccessKeys: []sts.AccessKey{key}, Policies: []string{adminPolicy}}
	i := slices.IndexFunc(out.Accounts, func(a sts.Account) bool { return a.ID == n.cfg.AWS.Account })
	if i < 0 {
		out.Accounts, i = append(out.Accounts, sts.Account{ID: n.cfg.AWS.Account}), len(out.Accounts)
	}
	out.Accounts[i].Users = append(out.Accounts[i].Users, admin)
	value, err := json.Marshal(map[string]string{"username": sqlAdmin, "password": n.sqlPassword, "engine": "redshift", "dbname": sqlDatabase})
	if err != nil {
		return nil, fmt.Errorf("encoding the secret %s: %w", sqlAdminSecret, err)
	}
	out.Secrets = append(out.Secrets, secrets.Secret{Name: sqlAdminSecret, Description: "The SQL administrator's password", Value: string(value)})
	return out, nil
}

// awsKey returns the access key of the file, which it first makes if there is none.
func awsKey(path string) (sts.AccessKey, error) {
	text, err := secretFile(path, fmt.Sprintf("[default]\naws_access_key_id = AKIA%s\naws_secret_access_key = %s",
		strings.ToUpper(newSecret(8)), newSecret(20)))
	if err != nil {
		return sts.AccessKey{}, err
	}
	var key sts.AccessKey
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			key.ID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			key.Secret = strings.TrimSpace(value)
		}
	}
	if key.ID == "" || key.Secret == "" {
		return key, fault.New(fault.Setup, "reading", path, errors.New("it holds no access key"), "delete it, and a new one is made")
	}
	return key, nil
}
