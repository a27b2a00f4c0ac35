package dataapi

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/sts"
)

// target is the warehouse, database and user of a statement.
type target struct {
	connectTo
	// User is the database user, which the API does not tell when it comes from a secret.
	User string
	// asked is the DbUser of the request.
	asked string
}

// caller is who sent a request.
type caller struct {
	// owner is the ARN of the user, or of the role without its session; id is aws:userid.
	owner, id string
	// user is the database user of the identity: IAM:<user name>, IAMR:<role name> (Management Guide, "Using IAM authentication to
	// generate database user credentials": without path and session name).
	user string
}

func callerOf(ctx context.Context) (caller, error) {
	c, err := sts.CallerFrom(ctx)
	if err != nil {
		return caller{}, err
	}
	resource := c.ARN[strings.LastIndexByte(c.ARN, ':')+1:]
	parts := strings.Split(resource, "/")
	if parts[0] == "assumed-role" && len(parts) == 3 {
		return caller{owner: strings.TrimSuffix(c.ARN, "/"+parts[2]), id: c.UserID, user: "IAMR:" + parts[1]}, nil
	}
	return caller{owner: c.ARN, id: c.UserID, user: "IAM:" + parts[len(parts)-1]}, nil
}

func (s *Service) arn(service, resource string) string {
	return "arn:" + s.Partition + ":" + service + ":" + s.Region + ":" + s.Account + ":" + resource
}

// id is the id of the workgroup or namespace: always the same one for the same account, region and name.
func (s *Service) id(kind string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.arn("redshift-serverless", kind+"/"+s.Name))).String()
}

func (s *Service) workgroupARN() string {
	return s.arn("redshift-serverless", "workgroup/"+s.id("workgroup"))
}

func (s *Service) clusterARN() string { return s.arn("redshift", "cluster:"+s.Name) }

// userARN and databaseARN name what a request connects as and to. The warehouse knows names without regard to case; were they asked for as a
// request writes them, a policy that names "admin" would not hold for "ADMIN".
func (s *Service) userARN(name string) string {
	return s.arn("redshift", "dbuser:"+s.Name+"/"+strings.ToLower(name))
}

func (s *Service) databaseARN(name string) string {
	return s.arn("redshift", "dbname:"+s.Name+"/"+strings.ToLower(name))
}

var (
	workgroupName = regexp.MustCompile(`^([a-z0-9-]{3,63}|arn:(aws(-[a-z]+)*):redshift-serverless:[a-z]{2}(-gov|(-iso[a-z]?))?-[a-z]+-\d:\d{12}:workgroup/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	clusterName   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

// resource returns the ARN of the warehouse that a request names.
func (s *Service) resource(c *connectTo) (string, error) {
	switch {
	case c.ClusterIdentifier == "" && c.WorkgroupName == "":
		return "", validation("Either ClusterIdentifier or WorkgroupName needs to be specified.")
	case c.ClusterIdentifier != "" && c.WorkgroupName != "":
		return "", validation("Only one of ClusterIdentifier and WorkgroupName can be specified.")
	case c.WorkgroupName != "" && !workgroupName.MatchString(c.WorkgroupName):
		return "", validation("1 validation error detected: Value '%s' at 'workgroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: %s",
			c.WorkgroupName, workgroupName)
	case c.ClusterIdentifier != "" && (len(c.ClusterIdentifier) > 63 || !clusterName.MatchString(c.ClusterIdentifier)):
		return "", validation("1 validation error detected: Value '%s' at 'clusterIdentifier' failed to satisfy constraint: Member must satisfy regular expression pattern: %s",
			c.ClusterIdentifier, clusterName)
	case c.WorkgroupName == s.Name || c.WorkgroupName == s.workgroupARN():
		return s.workgroupARN(), nil
	case c.ClusterIdentifier == s.Name:
		return s.clusterARN(), nil
	}
	return "", validation("Redshift endpoint doesn't exist in this region.")
}

// connect checks how a request wants to connect, and that the caller may do action and connect so. Then the database user exists.
func (s *Service) connect(ctx context.Context, action string, who caller, c connectTo) (target, error) {
	t := target{connectTo: c, asked: c.DbUser}
	resource, err := s.resource(&c)
	if err != nil {
		return t, err
	}
	if c.Database == "" {
		return t, validation("Database needs to be specified.")
	}
	if err := s.Auth.AuthorizeWith(ctx, "redshift-data:"+action, []string{resource}, nil); err != nil {
		return t, err
	}
	if c.SecretArn != "" {
		t.User, err = s.secretUser(ctx, c)
		return t, err
	}
	t.User, t.DbUser = who.user, who.user
	action, resources := "redshift-serverless:GetCredentials", []string{resource}
	switch {
	case c.WorkgroupName != "" && c.DbUser != "":
		return t, validation("DbUser can't be specified with WorkgroupName: the database user is the one of the caller's IAM identity, %s.", who.user)
	case c.DbUser != "":
		t.User, t.DbUser = c.DbUser, c.DbUser
		action, resources = "redshift:GetClusterCredentials", []string{s.userARN(c.DbUser), s.databaseARN(c.Database)}
	case c.ClusterIdentifier != "":
		action, resources = "redshift:GetClusterCredentialsWithIAM", []string{s.databaseARN(c.Database)}
	}
	if err := s.Auth.AuthorizeWith(ctx, action, resources, nil); err != nil {
		return t, err
	}
	if c.DbUser != "" {
		return t, nil // must exist: there is no AutoCreate here
	}
	return t, s.Warehouse.EnsureUser(ctx, t.User)
}

// secretUser returns the database user of a secret, {"username", "password", ...}, as Secrets Manager keeps them for Redshift.
func (s *Service) secretUser(ctx context.Context, c connectTo) (string, error) {
	switch {
	case c.DbUser != "":
		return "", validation("Only one of DbUser and SecretArn can be specified.")
	case s.Secrets == nil:
		return "", validation("SecretArn can't be used here: no secrets are configured.")
	}
	text, err := s.Secrets.Value(ctx, c.SecretArn)
	if err != nil {
		return "", err
	}
	var login struct {
		Username            string `json:"username"`
		Password            string `json:"password"`
		DBClusterIdentifier string `json:"dbClusterIdentifier"`
	}
	if err := json.Unmarshal([]byte(text), &login); err != nil {
		return "", validation("The secret is not a JSON object with username and password.")
	}
	if login.Username == "" || login.Password == "" {
		return "", validation("username and password in secret cannot be empty")
	}
	if c.ClusterIdentifier != "" && login.DBClusterIdentifier != "" && login.DBClusterIdentifier != c.ClusterIdentifier {
		return "", validation("The cluster identifier of the secret is %s, not %s.", login.DBClusterIdentifier, c.ClusterIdentifier)
	}
	err = s.Warehouse.Authenticate(ctx, login.Username, login.Password)
	if _, refused := errors.AsType[*SQLError](err); refused {
		return "", validation("password authentication failed for user \"%s\"", login.Username)
	}
	return login.Username, err
}

// owned returns a statement of the caller's own, with the number of the part that the id names, for an operation that it may use.
func (s *Service) owned(ctx context.Context, action, id string) (*statement, int, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, 0, err
	}
	base, n, err := splitID(id)
	if err != nil {
		return nil, 0, err
	}
	st, err := s.find(ctx, base)
	if err != nil {
		return nil, 0, err
	}
	if st == nil || st.Owner != who.owner || n > len(st.Parts) || n > 0 && !st.Batch {
		return nil, 0, notFound(id, "Query does not exist.")
	}
	resource, err := s.resource(&st.Target.connectTo)
	if err != nil {
		return nil, 0, err
	}
	// A policy may tie a statement to the role's session that sent it.
	keys := map[string][]string{"redshift-data:statement-owner-iam-userid": {st.OwnerID}}
	return st, n, s.Auth.AuthorizeWith(ctx, "redshift-data:"+action, []string{resource}, keys)
}
