package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// The values of authMethod.
const (
	authNone   = "none"
	authBasic  = "basic"
	authAPIKey = "apiKey"
)

// maxResponseBytes bounds one answer of Elasticsearch. The largest that a query plans is about a tenth of it.
const maxResponseBytes = 128 << 20

// maxSidecars bounds the addresses of sidecars.
const maxSidecars = 20

// What answers may take that are kept to be given again, in MiB: by default and at most.
const (
	defaultCacheMiB = 64
	maxCacheMiB     = 1024
)

// settings are what the data source's page saves, checked.
type settings struct {
	url        string
	prefix     string
	auth       string
	apiKey     string
	cacheBytes int64
	// sidecars are the addresses of those whose live streams are read; none where streams are polled.
	sidecars     []string
	sidecarToken string
}

// savedJSON is the part of jsonData that is read. The unused fields are here because the SDK takes them for strings without looking.
type savedJSON struct {
	IndexPrefix   string `json:"indexPrefix"`
	AuthMethod    string `json:"authMethod"`
	Access        string `json:"access"`
	URL           string `json:"url"`
	ServerName    string `json:"serverName"`
	BasicAuthUser string `json:"basicAuthUser"`
	// CacheMiB is how much memory kept answers take at most; 0 keeps none. Default: 64.
	CacheMiB *int64 `json:"cacheMiB"`
	// SidecarURLs are the addresses of sidecars, http or https.
	SidecarURLs addresses `json:"sidecarUrls"`
}

// addresses is a list of texts, or a text with commas between them.
type addresses []string

// UnmarshalJSON reads either.
func (a *addresses) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*a = strings.Split(text, ",")
		return nil
	}
	var all []string
	if err := json.Unmarshal(raw, &all); err != nil {
		return errors.New("sidecarUrls is neither a list of addresses nor a text with commas between them")
	}
	*a = all
	return nil
}

// settingsError is something that whoever set up the data source can mend.
type settingsError struct{ problem string }

func (e *settingsError) Error() string { return "data source settings: " + e.problem }

func badSettings(format string, args ...any) error {
	return &settingsError{problem: fmt.Sprintf(format, args...)}
}

func parseSettings(s backend.DataSourceInstanceSettings) (settings, error) {
	saved := savedJSON{}
	if len(s.JSONData) > 0 {
		if err := json.Unmarshal(s.JSONData, &saved); err != nil {
			return settings{}, badSettings("jsonData: %v", err)
		}
	}
	parsed := settings{prefix: saved.IndexPrefix}
	var err error
	if parsed.url, err = parseURL("Elasticsearch", "http://localhost:9200", s.URL); err != nil {
		return settings{}, err
	}
	if parsed.prefix == "" {
		parsed.prefix = rollup.DefaultPrefix
	}
	if !rollup.ValidPrefix(parsed.prefix) {
		return settings{}, badSettings("the index prefix %.120q is not one: lower-case letters, digits, - and _ are allowed, beginning with a letter or digit, at most %d characters",
			parsed.prefix, rollup.MaxPrefixLength)
	}
	cacheMiB := int64(defaultCacheMiB)
	if saved.CacheMiB != nil {
		cacheMiB = *saved.CacheMiB
	}
	if cacheMiB < 0 || cacheMiB > maxCacheMiB {
		return settings{}, badSettings("cacheMiB is %d: 0 (nothing is kept) to %d are allowed", cacheMiB, maxCacheMiB)
	}
	parsed.cacheBytes = cacheMiB << 20
	if parsed.sidecars, err = parseSidecars(saved.SidecarURLs); err != nil {
		return settings{}, err
	}
	parsed.sidecarToken = strings.TrimSpace(s.DecryptedSecureJSONData["sidecarToken"])
	if strings.ContainsFunc(parsed.sidecarToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return settings{}, badSettings("the sidecar's token has characters in it that no token has: letters, digits and punctuation of ASCII are allowed")
	}
	parsed.apiKey = s.DecryptedSecureJSONData["apiKey"]
	parsed.auth, err = chooseAuth(saved.AuthMethod, s.BasicAuthEnabled, parsed.apiKey != "")
	if err != nil {
		return settings{}, err
	}
	return parsed, nil
}

// parseSidecars checks the addresses; empty ones are passed over, and one that comes twice counts once.
func parseSidecars(all []string) ([]string, error) {
	var some []string
	for _, raw := range all {
		if strings.TrimSpace(raw) == "" {
			continue
		}
		u, err := parseURL("a sidecar", "http://localhost:8089", raw)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(some, u) {
			some = append(some, u)
		}
	}
	if len(some) > maxSidecars {
		return nil, badSettings("there are %d addresses of sidecars: at most %d are allowed", len(some), maxSidecars)
	}
	return some, nil
}

// parseURL checks the address without ever repeating it, since people put passwords into addresses.
func parseURL(of, example, raw string) (string, error) {
	if strings.TrimSpace(raw) == "" {
		return "", badSettings("the URL of %s is missing: give one such as %s", of, example)
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return "", badSettings("the URL of %s is not valid: give one such as %s", of, example)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", badSettings("the URL of %s begins with %.20q: http and https are allowed", of, u.Scheme+":")
	case u.Host == "":
		return "", badSettings("the URL of %s has no host: give one such as %s", of, example)
	case u.User != nil:
		return "", badSettings("the URL of %s holds a user name: choose basic authentication or a token instead, which keeps the secret apart", of)
	case u.RawQuery != "" || u.Fragment != "":
		return "", badSettings("the URL of %s has a part after ? or #: leave it out", of)
	}
	return u.String(), nil
}

// chooseAuth takes the method that was chosen on the page; provisioned data sources may leave it out, as what is given tells it.
func chooseAuth(method string, basic, key bool) (string, error) {
	switch method {
	case "":
		switch {
		case basic:
			return authBasic, nil
		case key:
			return authAPIKey, nil
		}
		return authNone, nil
	case authNone:
		return authNone, nil
	case authBasic:
		if !basic {
			return "", badSettings("authentication is basic, but it is not enabled: set basicAuth, basicAuthUser and the secret basicAuthPassword")
		}
		return authBasic, nil
	case authAPIKey:
		if !key {
			return "", badSettings("authentication is by API key, but no key is saved")
		}
		return authAPIKey, nil
	}
	return "", badSettings("unknown authMethod %.40q: none, basic and apiKey are allowed", method)
}

// connect makes the client through the SDK, which brings TLS, proxies, time limits, tracing and metrics, and a function that closes its connections.
func (s settings) connect(ctx context.Context, instance backend.DataSourceInstanceSettings) (*elastic.Client, func(), error) {
	nothing := func() {}
	options, err := instance.HTTPClientOptions(ctx)
	if err != nil {
		return nil, nothing, badSettings("%v", err)
	}
	if s.auth != authBasic {
		options.BasicAuth = nil
	}
	options.Header.Del("") // the settings page leaves an empty name in the place of a header that was removed
	if s.auth == authAPIKey {
		options.Header = options.Header.Clone()
		if options.Header == nil {
			options.Header = http.Header{}
		}
		options.Header.Set("Authorization", "ApiKey "+s.apiKey)
	}
	closeIdle := nothing
	options.ConfigureTransport = func(_ httpclient.Options, t *http.Transport) { closeIdle = t.CloseIdleConnections }
	transport, err := httpclient.GetTransport(options)
	if err != nil {
		return nil, nothing, badSettings("%v", err)
	}
	config := elastic.Config{Addresses: []string{s.url}, Transport: transport, MaxResponseBytes: maxResponseBytes, UserAgent: "tidemark-grafana"}
	if options.Timeouts != nil {
		config.RequestTimeout = options.Timeouts.Timeout
	}
	client, err := elastic.New(config)
	if err != nil {
		return nil, nothing, badSettings("%v", err)
	}
	return client, closeIdle, nil
}

func isSettingsError(err error) bool {
	var e *settingsError
	return errors.As(err, &e)
}
