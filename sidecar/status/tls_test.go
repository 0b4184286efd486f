package status

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/sidecar/config"
)

// authority signs certificates, and is written to a folder as name.pem.
type authority struct {
	folder, name string
	certificate  *x509.Certificate
	key          *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, folder, name string) *authority {
	t.Helper()
	a := &authority{folder: folder, name: name}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	text, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(text); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.path(), "CERTIFICATE", text)
	return a
}

func (a *authority) path() string { return filepath.Join(a.folder, a.name+".pem") }

// sign writes a certificate and its key, and gives their paths.
func (a *authority) sign(t *testing.T, name string) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	privateText, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(a.folder, name+".pem"), filepath.Join(a.folder, name+"-key.pem")
	writePEM(t, cert, "CERTIFICATE", text)
	writePEM(t, key, "EC PRIVATE KEY", privateText)
	return cert, key
}

func writePEM(t *testing.T, path, kind string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: text}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestClientsNeedACertificate(t *testing.T) {
	folder := t.TempDir()
	ours, others := newAuthority(t, folder, "ours"), newAuthority(t, folder, "others")
	cert, key := ours.sign(t, "sidecar")
	c, err := TLSConfig(&config.ServerTLS{CertFile: cert, KeyFile: key, ClientCAFile: ours.path()})
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(Options{Listen: "127.0.0.1:0", Source: fixedSource(fixed()), TLS: c, Logger: silent()})
	s.Handle("GET /api/v1/live", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	l, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()

	roots := x509.NewCertPool()
	roots.AddCert(ours.certificate)
	get := func(path string, by *authority, name string) int {
		client := &tls.Config{RootCAs: roots}
		if by != nil {
			cert, key := by.sign(t, name)
			pair, err := tls.LoadX509KeyPair(cert, key)
			if err != nil {
				t.Fatal(err)
			}
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		transport := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		r, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get("https://" + l.Addr().String() + path)
		if err != nil {
			return 0
		}
		defer r.Body.Close()
		return r.StatusCode
	}
	for _, test := range []struct {
		path string
		by   *authority
		want int
	}{
		{"/healthz", nil, 200}, {"/readyz", nil, 200}, {"/", nil, 401}, {"/metrics", nil, 401}, {"/status", nil, 401}, {"/api/v1/live", nil, 401}, {"//healthz", nil, 401},
		{"/", ours, 200}, {"/status", ours, 200}, {"/api/v1/live", ours, 202}, {"/healthz", ours, 200},
		{"/status", others, 0}, {"/healthz", others, 0},
	} {
		if got := get(test.path, test.by, "client"); got != test.want {
			t.Errorf("%s: %d, want %d", test.path, got, test.want)
		}
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestTLSFilesThatCannotBeUsed(t *testing.T) {
	folder := t.TempDir()
	cert, key := newAuthority(t, folder, "ours").sign(t, "sidecar")
	for says, c := range map[string]config.ServerTLS{
		"http.tls.cert_file and key_file":              {CertFile: filepath.Join(folder, "none"), KeyFile: key},
		"http.tls.client_ca_file: open":                {CertFile: cert, KeyFile: key, ClientCAFile: filepath.Join(folder, "none")},
		"sidecar-key.pem holds no certificate in PEM":  {CertFile: cert, KeyFile: key, ClientCAFile: key},
		"http.tls.cert_file and key_file: tls: failed": {CertFile: key, KeyFile: key},
	} {
		if _, err := TLSConfig(&c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not in %v", says, err)
		}
	}
	if c, err := TLSConfig(nil); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
}
