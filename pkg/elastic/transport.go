package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	connectTimeout = 10 * time.Second
	// idleConnections suits a few writers and a dashboard's panels, which ask at the same moment.
	idleConnections = 32
)

func newTransport(cfg Config) (*http.Transport, error) {
	if cfg.APIKey == "" && (cfg.Username == "") != (cfg.Password == "") {
		return nil, errors.New("elasticsearch username and password go together: only one of them is set")
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(cfg.CACert) > 0 {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(cfg.CACert) {
			return nil, errors.New("the certificate authority for Elasticsearch holds no certificate in PEM form")
		}
	}
	if len(cfg.ClientCert) > 0 || len(cfg.ClientKey) > 0 {
		pair, err := tls.X509KeyPair(cfg.ClientCert, cfg.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("the client certificate and key for Elasticsearch: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     settings,
		TLSHandshakeTimeout: connectTimeout,
		MaxIdleConns:        idleConnections,
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}, nil
}

// addressed names the address in the errors of a transport. It works below the redirects of http.Client, so credentials go to no other host.
type addressed struct{ next http.RoundTripper }

func (t addressed) RoundTrip(request *http.Request) (*http.Response, error) {
	address := request.URL.Scheme + "://" + request.URL.Host
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, &ConnectionError{Address: address, Err: err}
	}
	response.Body = addressedBody{response.Body, address}
	return response, nil
}

// addressedBody does the same for an answer that breaks off.
type addressedBody struct {
	io.ReadCloser
	address string
}

func (b addressedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &ConnectionError{Address: b.address, Err: fmt.Errorf("%s: %w", brokenOff, err)}
	}
	return n, err
}

func idleCloser(transport http.RoundTripper) func() {
	if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
		return t.CloseIdleConnections
	}
	return func() {}
}
