package elastic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	jsoniter "github.com/json-iterator/go"
)

const (
	// DefaultRequestTimeout bounds a request where the configuration does not.
	DefaultRequestTimeout = 30 * time.Second
	// DefaultMaxResponseBytes bounds an answer, after decompression, where the configuration does not.
	DefaultMaxResponseBytes = 256 << 20
	// DefaultUserAgent is sent where none is configured.
	DefaultUserAgent = "tidemark"
)

// Config says where the cluster is and how to be let in.
type Config struct {
	// Addresses are http or https URLs, without credentials, of nodes of one cluster. Requests go to them in turn; one that failed is left out for a while.
	Addresses []string
	// Username and Password are for basic authentication.
	Username, Password string
	// APIKey is the base64 form of an API key, which has precedence over Username and Password.
	APIKey string
	// CACert, in PEM, replaces the system's certificate authorities.
	CACert []byte
	// ClientCert and ClientKey, in PEM, identify this client to the cluster.
	ClientCert, ClientKey []byte
	// Transport sends the requests where it is set. It then brings its own authentication and TLS: the fields above are not used.
	Transport http.RoundTripper
	// RequestTimeout bounds one request with its answer. Default: DefaultRequestTimeout.
	RequestTimeout time.Duration
	// MaxResponseBytes bounds one answer after decompression. Default: DefaultMaxResponseBytes.
	MaxResponseBytes int64
	// UserAgent names the program. Default: DefaultUserAgent.
	UserAgent string
}

// Client talks to one cluster. It is safe for concurrent use.
type Client struct {
	transport elastictransport.Interface
	closeIdle func()
	timeout   time.Duration
	maxBytes  int64
}

// New makes a client. It sends nothing yet, so that a cluster that is away does not keep a program from starting.
func New(cfg Config) (*Client, error) {
	addresses, err := parseAddresses(cfg.Addresses)
	if err != nil {
		return nil, err
	}
	transport := cfg.Transport
	options := []elastictransport.Option{
		elastictransport.WithURLs(addresses...), elastictransport.WithDisableRetry(), elastictransport.WithUserAgent(cmp.Or(cfg.UserAgent, DefaultUserAgent)),
	}
	if transport == nil {
		if transport, err = newTransport(cfg); err != nil {
			return nil, err
		}
		if cfg.APIKey != "" {
			options = append(options, elastictransport.WithAPIKey(cfg.APIKey))
		} else if cfg.Username != "" {
			options = append(options, elastictransport.WithBasicAuth(cfg.Username, cfg.Password))
		}
	}
	client := &Client{closeIdle: idleCloser(transport), timeout: cfg.RequestTimeout, maxBytes: cfg.MaxResponseBytes}
	if client.timeout <= 0 {
		client.timeout = DefaultRequestTimeout
	}
	if client.maxBytes <= 0 {
		client.maxBytes = DefaultMaxResponseBytes
	}
	options = append(options, elastictransport.WithTransport(addressed{next: transport}))
	if client.transport, err = elastictransport.NewClient(options...); err != nil {
		return nil, fmt.Errorf("set up the Elasticsearch client: %w", err)
	}
	return client, nil
}

// Close lets go of the idle connections. The client can still be used.
func (c *Client) Close() { c.closeIdle() }

func parseAddresses(addresses []string) ([]*url.URL, error) {
	if len(addresses) == 0 {
		return nil, errors.New("no Elasticsearch address is given: name at least one, such as http://127.0.0.1:9200")
	}
	urls := make([]*url.URL, 0, len(addresses))
	for i, address := range addresses {
		u, err := url.Parse(strings.TrimSpace(address))
		switch {
		case err != nil: // the cause would repeat the address, which may hold a password
			return nil, fmt.Errorf("elasticsearch address %d is not a URL: write it like http://127.0.0.1:9200", i+1)
		case u.User != nil:
			return nil, fmt.Errorf("elasticsearch address %d holds a user name: give credentials in their own settings, where they stay out of logs", i+1)
		case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
			return nil, fmt.Errorf("elasticsearch address %q is not http://host:port or https://host:port", u.Redacted())
		}
		u.Path = strings.TrimRight(u.Path, "/")
		urls = append(urls, u)
	}
	return urls, nil
}

// answers reads JSON several times as fast as encoding/json does. Numbers stay as they were written: the sort values of a page must come back to the cluster
// without loss.
var answers = jsoniter.Config{EscapeHTML: true, SortMapKeys: true, ValidateJsonRawMessage: true, UseNumber: true}.Froze()

// do sends one request and decodes its answer into out, where out is not nil.
func (c *Client) do(ctx context.Context, request esapi.Request, out any) error {
	body, err := c.fetch(ctx, request)
	if err != nil || out == nil {
		return err
	}
	if err := answers.Unmarshal(body, out); err != nil {
		if len(body) > 0 && body[0] != '{' && body[0] != '[' {
			return errors.New("what answers is not Elasticsearch: check the address")
		}
		return fmt.Errorf("read the answer of Elasticsearch: %w", err)
	}
	return nil
}

func (c *Client) fetch(ctx context.Context, request esapi.Request) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := request.Do(limited, c.transport)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.maxBytes+1))
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if int64(len(body)) > c.maxBytes {
		return nil, &TooLongError{Limit: c.maxBytes}
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, parseError(response.StatusCode, response.Header, body)
	}
	return body, nil
}

// explain tells the client's own time limit from the caller's.
func (c *Client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("request to Elasticsearch was given up: %w", ctx.Err())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		address := "its address"
		if connection := (*ConnectionError)(nil); errors.As(err, &connection) {
			address = connection.Address
		}
		return &ConnectionError{Address: address, Err: fmt.Errorf("no answer within %s: %w", c.timeout, context.DeadlineExceeded)}
	}
	if connection := (*ConnectionError)(nil); errors.As(err, &connection) {
		return connection
	}
	return err
}

// checkNames keeps what is put into a request's path from being read as another path.
func checkNames(names ...string) error {
	if len(names) == 0 {
		return errors.New("no index is named")
	}
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, "/\\?#%\"<>| ,:") || slices.Contains([]string{".", ".."}, name) || name[0] == '_' || name[0] == '-' {
			return fmt.Errorf("%q is not an index name", name)
		}
	}
	return nil
}
