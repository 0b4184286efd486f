package main

import (
	"fmt"
	"os"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/sidecar/config"
)

// newElasticClient makes the client that the configuration asks for. It sends nothing yet.
func newElasticClient(c config.Elasticsearch) (*elastic.Client, error) {
	cfg := elastic.Config{Addresses: c.Addresses, Username: c.Username, Password: c.Password, RequestTimeout: c.RequestTimeout, UserAgent: "tidemark/" + version()}
	for _, secret := range []struct {
		key, path string
		to        *string
	}{{"password_file", c.PasswordFile, &cfg.Password}, {"api_key_file", c.APIKeyFile, &cfg.APIKey}} {
		if secret.path == "" {
			continue
		}
		text, err := config.ReadSecret("elasticsearch."+secret.key, secret.path)
		if err != nil {
			return nil, err
		}
		*secret.to = text
	}
	for _, file := range []struct {
		key, path string
		to        *[]byte
	}{{"ca_file", c.CAFile, &cfg.CACert}, {"cert_file", c.CertFile, &cfg.ClientCert}, {"key_file", c.KeyFile, &cfg.ClientKey}} {
		if file.path == "" {
			continue
		}
		text, err := os.ReadFile(file.path)
		if err != nil {
			return nil, fmt.Errorf("read elasticsearch.%s: %w", file.key, err)
		}
		*file.to = text
	}
	return elastic.New(cfg)
}
