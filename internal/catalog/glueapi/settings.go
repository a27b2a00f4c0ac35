package glueapi

import "context"

// What clients ask about the catalog as a whole before they use it.

type catalogRequest struct {
	CatalogID string `json:"CatalogId"`
}

type importStatusAnswer struct {
	ImportStatus struct{ ImportCompleted bool }
}

// getImportStatus says that there is nothing of the time before Glue left to import from Athena.
func (s *server) getImportStatus(ctx context.Context, in *catalogRequest) (*importStatusAnswer, error) {
	if err := s.begin(ctx, "GetCatalogImportStatus", in.CatalogID, s.catalogARN()); err != nil {
		return nil, err
	}
	out := &importStatusAnswer{}
	out.ImportStatus.ImportCompleted = true
	return out, nil
}

type encryptionAnswer struct {
	DataCatalogEncryptionSettings struct {
		EncryptionAtRest             struct{ CatalogEncryptionMode string }
		ConnectionPasswordEncryption struct{ ReturnConnectionPasswordEncrypted bool }
	}
}

// getEncryptionSettings says that the catalog does not encrypt what it keeps, and has no connections whose passwords it could.
func (s *server) getEncryptionSettings(ctx context.Context, in *catalogRequest) (*encryptionAnswer, error) {
	if err := s.begin(ctx, "GetDataCatalogEncryptionSettings", in.CatalogID, s.catalogARN()); err != nil {
		return nil, err
	}
	out := &encryptionAnswer{}
	out.DataCatalogEncryptionSettings.EncryptionAtRest.CatalogEncryptionMode = "DISABLED"
	return out, nil
}
