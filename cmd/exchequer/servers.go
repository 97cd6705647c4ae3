package main

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/embedded"
	"exchequer/internal/pg"
	"exchequer/internal/publication"
	"exchequer/internal/story"
)

// servers are the database and Redis a command works with: those that are named, those that a running program has
// started, or private ones for the length of the command.
type servers struct {
	database string
	redis    string
	stateDir string
	migrated bool // the schema was brought up to date just now
	own      *embedded.Servers
}

// needs is what a command asks of its servers.
type needs struct {
	redis   bool // it carries wake-ups, or another program will beside it
	migrate bool // it brings the schema up to date wherever that stands
}

// openServers finds the servers, and starts private ones where some are missing.
func openServers(ctx context.Context, s settings, n needs, log *slog.Logger) (*servers, error) {
	out := &servers{database: s.databaseURL, redis: s.redisURL, stateDir: s.stateDir}
	if out.stateDir == "" {
		dir, err := embedded.DefaultStateDir()
		if err != nil {
			return nil, err
		}
		out.stateDir = dir
	}
	if running, ok := embedded.Running(s.stateDir); ok {
		out.database, out.redis = orElse(out.database, running.DatabaseURL), orElse(out.redis, running.RedisURL)
	}
	if out.database == "" || n.redis && out.redis == "" {
		return startServers(ctx, s, n, log)
	}
	return out, out.migrate(ctx, s, n)
}

// startServers takes the state folder for this program; a second one is refused.
func startServers(ctx context.Context, s settings, n needs, log *slog.Logger) (*servers, error) {
	own, err := embedded.Start(ctx, embedded.Options{
		StateDir: s.stateDir, DatabaseURL: s.databaseURL, RedisURL: s.redisURL, NoRedis: !n.redis, Log: log,
	})
	if err != nil {
		return nil, err
	}
	out := &servers{own: own, database: own.DatabaseURL(), redis: own.RedisURL(), stateDir: own.StateDir()}
	// A private database is this program's alone: nobody else will bring it up.
	n.migrate = n.migrate || s.databaseURL == ""
	if err := out.migrate(ctx, s, n); err != nil {
		out.stop(log)
		return nil, err
	}
	return out, nil
}

func (v *servers) migrate(ctx context.Context, s settings, n needs) error {
	if !n.migrate {
		return nil
	}
	v.migrated = true
	return pg.Migrate(ctx, orElse(s.migrateURL, v.database))
}

// beginLaw brings the documents that come with the program where the schema was brought up to date just now.
func (v *servers) beginLaw(ctx context.Context, pool *pgxpool.Pool, clock calendar.Clock, log *slog.Logger) (publication.Brought, error) {
	if !v.migrated {
		return publication.Brought{}, nil
	}
	docs, err := publication.Included()
	if err != nil {
		return publication.Brought{}, err
	}
	b, err := publication.New(pool, clock).Begin(ctx, docs)
	if b.Draft != 0 || b.Fault != "" {
		log.Warn("this program brings newer documents of the law: a person decides", "draft", b.Draft, "fault", b.Fault)
	}
	return b, err
}

// open gives the pool, on a schema of this program's version.
func (v *servers) open(ctx context.Context) (*pgxpool.Pool, error) {
	pool, err := pg.Open(ctx, v.database)
	if err != nil || v.migrated {
		return pool, err
	}
	if err := pg.CheckVersion(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func (v *servers) stop(log *slog.Logger) {
	if v.own == nil {
		return
	}
	if err := v.own.Stop(); err != nil {
		log.Error("the private servers did not stop cleanly", "error", err)
	}
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// withGateway runs fn with everything composed, and stops what it started.
func withGateway(ctx context.Context, log *slog.Logger, fn func(*gateway) error) error {
	return withServers(ctx, log, needs{}, fn)
}

func withServers(ctx context.Context, log *slog.Logger, n needs, fn func(*gateway) error) error {
	s := readSettings()
	v, err := openServers(ctx, s, n, log)
	if err != nil {
		return err
	}
	defer v.stop(log)
	pool, err := v.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	g, err := newCommandGateway(ctx, s, v, pool, log)
	if err != nil {
		return err
	}
	defer keepLast(ctx, g.clock, log)
	return fn(g)
}

// keepLast keeps the story's clock at a program's end: what this program booked must not lie ahead of the next one's.
func keepLast(ctx context.Context, clock calendar.Clock, log *slog.Logger) {
	if c, ok := clock.(*story.Clock); ok {
		if err := c.Keep(context.WithoutCancel(ctx)); err != nil {
			log.Warn("the clock could not be kept", "error", err)
		}
	}
}

func newCommandGateway(ctx context.Context, s settings, v *servers, pool *pgxpool.Pool, log *slog.Logger) (*gateway, error) {
	p, err := readPartners(s.partners, v.stateDir)
	if err != nil {
		return nil, err
	}
	clock, err := programClock(ctx, pool)
	if err != nil {
		return nil, err
	}
	if _, err := v.beginLaw(ctx, pool, clock, log); err != nil {
		return nil, err
	}
	return newGateway(ctx, gatewayConfig{pool: pool, clock: clock, partners: p, stateDir: v.stateDir, redisURL: v.redis, timing: defaultTiming(), log: log})
}
