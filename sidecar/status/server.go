package status

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	readTimeout     = 10 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = 2 * time.Minute
	maxHeaderBytes  = 16 << 10
	shutdownTimeout = 5 * time.Second
)

// Options are what a Server is made of.
type Options struct {
	// Listen is the address, host:port. Port 0 takes a free one.
	Listen string
	// Source tells the state of the sidecar.
	Source Source
	// Querier answers the page's queries; nil: the page shows the state without charts.
	Querier Querier
	// TLS has connections encrypted; nil: they are not. With ClientCAs, everything but /healthz and /readyz is answered only to clients that bring a certificate.
	TLS *tls.Config
	// Logger hears of requests that cannot be served. Default: slog's.
	Logger *slog.Logger
}

// Server answers /healthz, /readyz, /metrics, /status, /api/v1/catalog and /api/v1/query, and serves the page at /.
type Server struct {
	listen   string
	source   Source
	querier  Querier
	tls      *tls.Config
	running  chan struct{}
	logger   *slog.Logger
	registry *prometheus.Registry
	mux      *http.ServeMux
}

// NewServer makes a server; Listen and Serve, or Run, start it.
func NewServer(opts Options) *Server {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	s := &Server{
		listen: opts.Listen, source: opts.Source, querier: opts.Querier, tls: opts.TLS, logger: opts.Logger,
		running: make(chan struct{}, maxQueries), registry: prometheus.NewRegistry(), mux: http.NewServeMux(),
	}
	s.registry.MustRegister(newCollector(opts.Source), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.HandleFunc("GET /status", s.status)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 8, Timeout: readTimeout,
	}))
	s.mux.HandleFunc("GET /api/v1/catalog", s.catalog)
	s.mux.HandleFunc("POST /api/v1/query", s.query)
	s.mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) { refuseMethod(w, r, "POST") })
	s.mux.Handle("/", newPage()) // without a method, so that Handle can take any pattern
	return s
}

// Registerer takes the metrics of other stages; they appear on /metrics.
func (s *Server) Registerer() prometheus.Registerer { return s.registry }

// Handle adds a handler for a pattern of http.ServeMux, before the server starts. A handler that streams lifts the write timeout with
// http.ResponseController, and ends when the request's context does, which shutting down also ends.
func (s *Server) Handle(pattern string, handler http.Handler) { s.mux.Handle(pattern, handler) }

// Handler answers every request, with the headers that keep other sites out.
func (s *Server) Handler() http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteFailure(w, http.StatusForbidden, "forbidden", "requests of other sites are not answered")
	}))
	guarded := guard.Handler(s.mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSecurityHeaders(w.Header())
		if !s.known(r) {
			WriteFailure(w, http.StatusUnauthorized, "unauthorized", "a client's certificate is needed that http.tls.client_ca_file trusts")
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func setSecurityHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// Listen opens the address. Its errors say what to do, but not with which setting.
func (s *Server) Listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", s.listen)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: the address is in use: stop the other program, or choose another address", s.listen)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: permission denied: choose a port of 1024 or above", s.listen)
	default:
		return nil, fmt.Errorf("listen on %s, choose another address: %w", s.listen, err)
	}
}

// Serve answers on l, which it closes, until ctx is done; requests that are running then have 5 seconds to end. It returns nil after that, and an error
// where l fails.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	server := &http.Server{
		Handler:     s.Handler(),
		ReadTimeout: readTimeout, ReadHeaderTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug), // a reader that breaks off is no fault of ours
	}
	server.RegisterOnShutdown(endRequests)
	failed := make(chan error, 1)
	go func() {
		if s.tls == nil {
			failed <- server.Serve(l)
			return
		}
		server.TLSConfig = s.tls.Clone()
		failed <- server.ServeTLS(l, "", "")
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(last)
	if err != nil {
		_ = server.Close() // what did not end in time is cut off
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// Run listens and serves until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	l, err := s.Listen(ctx)
	if err != nil {
		return err
	}
	return s.Serve(ctx, l)
}
