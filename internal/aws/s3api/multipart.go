package s3api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// An upload of several parts is a folder in the bucket's staging folder:
//
//	uploads/<id>/upload.json   upload
//	uploads/<id>/<number>      a part's content
//	uploads/<id>/<number>.json part
//
// It outlives the process. Nobody but the client ends it, as in S3.

const uploadFile = "upload.json"

type upload struct {
	Key        string     `json:"key"`
	Initiated  time.Time  `json:"initiated"`
	Attributes attributes `json:"attributes"`
	// Asked is what the request that began the upload asked for, which the policies of whoever goes on with it look at.
	Asked    encryption `json:"asked,omitzero"`
	id, path string
}

// CreateMultipartUpload begins an upload.
func (b *backend) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	var none s3response.InitiateMultipartUploadResult
	f, err := b.writable(ctx, in.Bucket, in.Key, in.Tagging)
	if err != nil {
		return none, err
	}
	u := upload{Key: *in.Key, Initiated: time.Now().UTC(), Asked: exchangeOf(ctx).asked, Attributes: attributes{
		ContentType: text(in.ContentType), Encoding: text(in.ContentEncoding), Disposition: text(in.ContentDisposition), Language: text(in.ContentLanguage),
		Cache: text(in.CacheControl), Expires: text(in.Expires), Metadata: in.Metadata,
		Checksum: checksum{Algorithm: in.ChecksumAlgorithm, Type: in.ChecksumType},
	}}
	if u.Attributes.Encryption, err = b.encrypt(ctx, *in.Bucket, *in.Key); err != nil {
		return none, err
	}
	id := uuid.NewString()
	path := f.StagingPath("uploads", id)
	if err := errors.Join(os.MkdirAll(path, 0o755), writeJSON(filepath.Join(path, uploadFile), &u)); err != nil {
		return none, writeFailure(b.log, *in.Key, err)
	}
	return s3response.InitiateMultipartUploadResult{Bucket: *in.Bucket, Key: *in.Key, UploadId: id}, nil
}

// upload returns an upload of a key, or NoSuchUpload.
func (b *backend) upload(f *folder, key, id *string) (*upload, error) {
	if uuid.Validate(text(id)) != nil {
		return nil, s3err.GetNoSuchUploadErr(text(id)) // it may be a path elsewhere
	}
	u := &upload{id: *id, path: f.StagingPath("uploads", *id)}
	err := readJSON(filepath.Join(u.path, uploadFile), u)
	if errors.Is(err, fs.ErrNotExist) || err == nil && u.Key != *key {
		return nil, s3err.GetNoSuchUploadErr(*id)
	}
	if err != nil {
		return nil, internal(b.log, err)
	}
	return u, nil
}

// writableUpload is upload for a caller who must have the right to put the object.
func (b *backend) writableUpload(ctx context.Context, f *folder, key, id *string) (*upload, error) {
	u, err := b.upload(f, key, id)
	var asked encryption
	if err == nil {
		asked = u.Asked
	}
	if denied := b.mayPut(ctx, f.name, *key, asked); denied != nil {
		return nil, denied
	}
	return u, err
}

// AbortMultipartUpload ends an upload without an object.
func (b *backend) AbortMultipartUpload(_ context.Context, in *s3.AbortMultipartUploadInput) error {
	f, err := b.find(in.Bucket)
	if err != nil {
		return err
	}
	u, err := b.upload(f, in.Key, in.UploadId)
	if err != nil {
		return err
	}
	if in.IfMatchInitiatedTime != nil && in.IfMatchInitiatedTime.Unix() != u.Initiated.Unix() {
		return s3err.GetPreconditionFailedErr(s3err.ConditionIfMatch)
	}
	if err := u.remove(); err != nil {
		return internal(b.log, err)
	}
	return nil
}

// remove makes the upload unknown first, and then removes its parts.
func (u *upload) remove() error {
	if err := os.Remove(filepath.Join(u.path, uploadFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(u.path)
}

// ListMultipartUploads lists the uploads that have not ended.
func (b *backend) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	var none s3response.ListMultipartUploadsResult
	f, err := b.find(in.Bucket)
	if err != nil {
		return none, err
	}
	entries, err := os.ReadDir(f.StagingPath("uploads"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return none, internal(b.log, err)
	}
	var all []s3response.Upload
	for _, e := range entries {
		var u upload
		err := readJSON(f.StagingPath("uploads", e.Name(), uploadFile), &u)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return none, internal(b.log, err)
		}
		if strings.HasPrefix(u.Key, text(in.Prefix)) {
			all = append(all, s3response.Upload{
				Key: u.Key, UploadID: e.Name(), Initiated: u.Initiated, StorageClass: types.StorageClassStandard,
				Initiator: s3response.Initiator{ID: b.config.Account}, Owner: s3response.Owner{ID: b.config.Account},
				ChecksumAlgorithm: u.Attributes.Checksum.Algorithm, ChecksumType: u.Attributes.Checksum.Type,
			})
		}
	}
	slices.SortFunc(all, func(x, y s3response.Upload) int {
		return firstOf(strings.Compare(x.Key, y.Key), x.Initiated.Compare(y.Initiated), strings.Compare(x.UploadID, y.UploadID))
	})
	all, err = uploadsAfter(all, text(in.KeyMarker), text(in.UploadIdMarker), text(in.Delimiter))
	if err != nil {
		return none, err
	}
	page, err := vgw.ListMultipartUploads(all, text(in.Prefix), text(in.Delimiter), "", "", int(*in.MaxUploads))
	if err != nil {
		return none, err
	}
	n := namesOf(ctx)
	for i := range page.Uploads {
		page.Uploads[i].Key = n.write(page.Uploads[i].Key)
	}
	for i := range page.CommonPrefixes {
		page.CommonPrefixes[i].Prefix = n.write(page.CommonPrefixes[i].Prefix)
	}
	return s3response.ListMultipartUploadsResult{
		Bucket: *in.Bucket, Prefix: n.write(text(in.Prefix)), Delimiter: n.write(text(in.Delimiter)), KeyMarker: n.write(text(in.KeyMarker)), UploadIDMarker: text(in.UploadIdMarker),
		MaxUploads: int(*in.MaxUploads), IsTruncated: page.IsTruncated, NextKeyMarker: n.write(page.NextKeyMarker), NextUploadIDMarker: page.NextUploadIDMarker,
		Uploads: page.Uploads, CommonPrefixes: page.CommonPrefixes, EncodingType: string(n.encoding),
	}, n.refusal()
}

// uploadsAfter returns the uploads, which are sorted, that come after the markers of the page before: after an upload of a key, or after a
// key, or after what a common prefix stands for. An upload that has ended meanwhile lets its key's others be listed again.
func uploadsAfter(all []s3response.Upload, key, id, delimiter string) ([]s3response.Upload, error) {
	if key == "" {
		return all, nil // an upload's marker without a key's says nothing
	}
	if id != "" && uuid.Validate(id) != nil {
		return nil, s3err.GetInvalidArgumentErr(s3err.InvalidArgUploadIdMarker, id)
	}
	if last := slices.IndexFunc(all, func(u s3response.Upload) bool { return u.Key == key && u.UploadID == id }); last >= 0 {
		return all[last+1:], nil
	}
	return slices.DeleteFunc(all, func(u s3response.Upload) bool {
		return u.Key < key || u.Key == key && id == "" || delimiter != "" && strings.HasSuffix(key, delimiter) && strings.HasPrefix(u.Key, key)
	}), nil
}

func firstOf(orders ...int) int {
	for _, order := range orders {
		if order != 0 {
			return order
		}
	}
	return 0
}

// writeJSON writes a file whole or not at all.
func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	return errors.Join(os.WriteFile(path+".new", text, 0o644), os.Rename(path+".new", path))
}

func readJSON(path string, value any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
