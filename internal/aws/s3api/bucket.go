package s3api

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// backend is what versitygw's front calls when a request is authorized. What it doesn't define answers NotImplemented.
type backend struct {
	vgw.BackendUnsupported
	*buckets
	config *Config
}

// buckets are those of the account.
type buckets struct {
	lake, folder string
	log          *slog.Logger
	mu           sync.Mutex
	open         map[string]*folder
}

// folder is one bucket.
type folder struct {
	*bucket.Local
	name    string
	created time.Time
	// publish is held from the check of a condition to the write that depends on it. Writers that are no S3 clients know no conditions
	// but IfAbsent, which holds among all.
	publish sync.Mutex
}

func openBuckets(c *Config) (*buckets, error) {
	b := &buckets{lake: c.LakeName, folder: c.Folder, log: c.Log, open: map[string]*folder{}}
	if err := b.add(c.LakeName, c.Lake); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(c.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Setup, "reading the folder of buckets", c.Folder, err, "give the process the right to read it")
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == c.LakeName {
			continue
		}
		local, err := bucket.OpenLocal(e.Name(), filepath.Join(c.Folder, e.Name()))
		if err != nil {
			return nil, err
		}
		if err := b.add(e.Name(), local); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *buckets) add(name string, l *bucket.Local) error {
	info, err := os.Stat(l.StagingPath())
	if err != nil {
		return fault.New(fault.Setup, "opening bucket", name, err, "mount or restore its folder")
	}
	b.open[name] = &folder{Local: l, name: name, created: info.ModTime()}
	return nil
}

// find returns the bucket of a name.
func (b *buckets) find(name *string) (*folder, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.open[*name]; f != nil {
		return f, nil
	}
	return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucket, *name)
}

// ListBuckets lists the account's buckets.
func (b *backend) ListBuckets(_ context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := s3response.ListAllMyBucketsResult{Owner: s3response.CanonicalUser{ID: b.config.Account, DisplayName: b.config.Account}, Prefix: in.Prefix}
	for _, name := range slices.Sorted(maps.Keys(b.open)) {
		if !strings.HasPrefix(name, in.Prefix) || name <= in.ContinuationToken {
			continue
		}
		if len(out.Buckets.Bucket) == int(in.MaxBuckets) {
			out.ContinuationToken = out.Buckets.Bucket[len(out.Buckets.Bucket)-1].Name
			break
		}
		out.Buckets.Bucket = append(out.Buckets.Bucket, s3response.ListAllMyBucketsEntry{Name: name, CreationDate: b.open[name].created})
	}
	return out, nil
}

// HeadBucket tells whether there is such a bucket.
func (b *backend) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	if _, err := b.find(in.Bucket); err != nil {
		return nil, err
	}
	return &s3.HeadBucketOutput{BucketRegion: &b.config.Region}, nil
}

// GetBucketAcl names the owner.
func (b *backend) GetBucketAcl(_ context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	if _, err := b.find(in.Bucket); err != nil {
		return nil, err
	}
	return json.Marshal(auth.ACL{Owner: b.config.Account})
}

// CreateBucket makes a folder.
func (b *backend) CreateBucket(_ context.Context, in *s3.CreateBucketInput, _ []byte) error {
	if in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket {
		return notImplemented("Object lock")
	}
	if c := in.CreateBucketConfiguration; c != nil && len(c.Tags) > 0 {
		return notImplemented("Tagging")
	}
	name := strings.Clone(*in.Bucket) // the front's texts lie in memory that its next request overwrites
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[name] != nil {
		return s3err.GetBucketErr(s3err.ErrBucketAlreadyOwnedByYou, name)
	}
	l, err := bucket.OpenLocal(name, filepath.Join(b.folder, name))
	if err != nil {
		return internal(b.log, err)
	}
	return b.add(name, l)
}

// DeleteBucket removes an empty bucket. The lake stays.
func (b *backend) DeleteBucket(ctx context.Context, name string) error {
	f, err := b.find(&name)
	if err != nil {
		return err
	}
	if name == b.lake {
		return notImplemented("Deleting the lake's bucket")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, err := range f.List(ctx, "") {
		if err != nil {
			return internal(b.log, err)
		}
		return s3err.GetBucketErr(s3err.ErrBucketNotEmpty, name)
	}
	// Whoever writes now finds the folder gone, or keeps it from being removed.
	root := filepath.Dir(f.StagingPath())
	err = errors.Join(os.RemoveAll(f.StagingPath()), os.Remove(root))
	if errors.Is(err, syscall.ENOTEMPTY) {
		return s3err.GetBucketErr(s3err.ErrBucketNotEmpty, name)
	}
	if err != nil {
		return internal(b.log, err)
	}
	delete(b.open, name)
	return nil
}

// GetBucketVersioning says that versions are not kept.
func (b *backend) GetBucketVersioning(_ context.Context, name string) (s3response.GetBucketVersioningOutput, error) {
	_, err := b.find(&name)
	return s3response.GetBucketVersioningOutput{}, err
}

// GetBucketOwnershipControls says that access control lists are off.
func (b *backend) GetBucketOwnershipControls(_ context.Context, name string) (types.ObjectOwnership, error) {
	_, err := b.find(&name)
	return types.ObjectOwnershipBucketOwnerEnforced, err
}

// GetBucketPolicy says that there is none: access is the callers' policies' matter.
func (b *backend) GetBucketPolicy(context.Context, string) ([]byte, error) {
	return nil, s3err.GetAPIError(s3err.ErrNoSuchBucketPolicy)
}

// GetBucketCors says that there is none.
func (b *backend) GetBucketCors(context.Context, string) ([]byte, error) {
	return nil, s3err.GetAPIError(s3err.ErrNoSuchCORSConfiguration)
}

// GetObjectLockConfiguration says that there is none.
func (b *backend) GetObjectLockConfiguration(context.Context, string) ([]byte, error) {
	return nil, s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotFound)
}

// String names the backend.
func (b *backend) String() string { return "folders" }
