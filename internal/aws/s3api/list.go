package s3api

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3response"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// visible is a bucket's folder without the folder at its top in which objects are written, whatever prefix a listing begins with. Only
// folders are read of it.
type visible struct {
	fs.FS
	hidden string
}

// ReadDir implements fs.ReadDirFS.
func (v visible) ReadDir(name string) ([]fs.DirEntry, error) {
	if top, _, _ := strings.Cut(name, "/"); top == v.hidden {
		return nil, fs.ErrNotExist
	}
	entries, err := fs.ReadDir(v.FS, name)
	if name == "." {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == v.hidden })
	}
	return entries, err
}

// walk lists a page of a bucket.
func (b *backend) walk(ctx context.Context, name, prefix, delimiter *string, after string, most *int32, owner bool) (vgw.WalkResults, error) {
	f, err := b.find(name)
	if err != nil {
		return vgw.WalkResults{}, err
	}
	var ownedBy *types.Owner
	if owner {
		ownedBy = &types.Owner{ID: &b.config.Account}
	}
	staging := f.StagingPath()
	page, err := vgw.Walk(ctx, visible{os.DirFS(filepath.Dir(staging)), filepath.Base(staging)}, text(prefix), text(delimiter), after, *most, func(path string, d fs.DirEntry) (s3response.Object, error) {
		if d.IsDir() {
			return s3response.Object{}, vgw.ErrSkipObj // a folder is no object
		}
		object, kept, err := f.Describe(ctx, path)
		if errors.Is(err, bucket.ErrNotFound) {
			return s3response.Object{}, vgw.ErrSkipObj // deleted meanwhile
		}
		if err != nil {
			return s3response.Object{}, err
		}
		o, err := read(object, kept)
		if err != nil {
			return s3response.Object{}, err
		}
		out := s3response.Object{
			Key: &path, ETag: &o.attributes.ETag, Size: &o.Size, LastModified: &o.Modified, StorageClass: types.ObjectStorageClassStandard,
			Owner: ownedBy, ChecksumType: o.Checksum.Type,
		}
		if o.Checksum.Algorithm != "" {
			out.ChecksumAlgorithm = []types.ChecksumAlgorithm{o.Checksum.Algorithm}
		}
		return out, nil
	}, nil)
	if err != nil {
		return vgw.WalkResults{}, internal(b.log, err)
	}
	return page, nil
}

// ListObjects lists objects by a marker.
func (b *backend) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (s3response.ListObjectsResult, error) {
	page, err := b.walk(ctx, in.Bucket, in.Prefix, in.Delimiter, text(in.Marker), in.MaxKeys, true)
	if err != nil {
		return s3response.ListObjectsResult{}, err
	}
	n := namesOf(ctx)
	n.page(&page)
	return s3response.ListObjectsResult{
		Name: in.Bucket, Prefix: n.given(in.Prefix), Delimiter: n.some(text(in.Delimiter)), Marker: n.given(in.Marker), MaxKeys: in.MaxKeys, EncodingType: n.encoding,
		Contents: page.Objects, CommonPrefixes: page.CommonPrefixes, IsTruncated: &page.Truncated, NextMarker: n.some(page.NextMarker),
	}, n.refusal()
}

// ListObjectsV2 lists objects by a token, which stands for the last key of the page before.
func (b *backend) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	last, err := keyOf(text(in.ContinuationToken))
	if err != nil {
		return s3response.ListObjectsV2Result{}, err
	}
	page, err := b.walk(ctx, in.Bucket, in.Prefix, in.Delimiter, max(text(in.StartAfter), last), in.MaxKeys, in.FetchOwner != nil && *in.FetchOwner)
	if err != nil {
		return s3response.ListObjectsV2Result{}, err
	}
	count := int32(len(page.Objects) + len(page.CommonPrefixes))
	n := namesOf(ctx)
	n.page(&page)
	return s3response.ListObjectsV2Result{
		Name: in.Bucket, Prefix: n.given(in.Prefix), Delimiter: n.some(text(in.Delimiter)), MaxKeys: in.MaxKeys, KeyCount: &count, EncodingType: n.encoding,
		StartAfter: n.some(text(in.StartAfter)), Contents: page.Objects, CommonPrefixes: page.CommonPrefixes, IsTruncated: &page.Truncated,
		ContinuationToken: orNil(text(in.ContinuationToken)), NextContinuationToken: orNil(tokenOf(page.NextMarker)),
	}, n.refusal()
}
