package status

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/tidemark/tidemark/sidecar/config"
)

// TLSConfig reads the files of a server's TLS; nil gives nil. Errors name the file that cannot be used.
func TLSConfig(c *config.ServerTLS) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read http.tls.cert_file and key_file: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if c.ClientCAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("read http.tls.client_ca_file: %w", err)
	}
	t.ClientCAs = x509.NewCertPool()
	if !t.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("http.tls.client_ca_file %s holds no certificate in PEM", c.ClientCAFile)
	}
	t.ClientAuth = tls.VerifyClientCertIfGiven // probes have none: see known
	return t, nil
}

// known reports whether who asks may: where clients need a certificate, probes alone ask without.
func (s *Server) known(r *http.Request) bool {
	if s.tls == nil || s.tls.ClientCAs == nil || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		return true
	}
	return r.TLS != nil && len(r.TLS.VerifiedChains) > 0
}
