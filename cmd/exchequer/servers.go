package main

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/embedded"
	"exchequer/internal/pg"
	"exchequer/internal/story"
)

// servers are the database and Redis a command works with: those that are named, those that a running program has
// started, or private ones for the length of the command.
type servers struct {
	database string
	redis    string
	stateDir string
	own      *embedded.Servers
}

// openServers finds or starts servers and brings the schema up to date.
func openServers(ctx context.Context, s settings, log *slog.Logger) (*servers, error) {
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
	if out.database == "" || out.redis == "" {
		if err := out.start(ctx, s, log); err != nil {
			return nil, err
		}
	}
	if err := pg.Migrate(ctx, orElse(s.migrateURL, out.database)); err != nil {
		out.stop(log)
		return nil, err
	}
	return out, nil
}

// startServers takes the state folder for this program; a second one is refused.
func startServers(ctx context.Context, s settings, log *slog.Logger) (*servers, error) {
	out := &servers{}
	if err := out.start(ctx, s, log); err != nil {
		return nil, err
	}
	if err := pg.Migrate(ctx, orElse(s.migrateURL, out.database)); err != nil {
		out.stop(log)
		return nil, err
	}
	return out, nil
}

func (v *servers) start(ctx context.Context, s settings, log *slog.Logger) error {
	own, err := embedded.Start(ctx, embedded.Options{StateDir: s.stateDir, DatabaseURL: s.databaseURL, RedisURL: s.redisURL, Log: log})
	if err != nil {
		return err
	}
	v.own, v.database, v.redis, v.stateDir = own, own.DatabaseURL(), own.RedisURL(), own.StateDir()
	return nil
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
	s := readSettings()
	v, err := openServers(ctx, s, log)
	if err != nil {
		return err
	}
	defer v.stop(log)
	pool, err := pg.Open(ctx, v.database)
	if err != nil {
		return err
	}
	defer pool.Close()
	g, err := newCommandGateway(ctx, s, v, pool, log)
	if err != nil {
		return err
	}
	defer func() {
		// What this command booked must not lie ahead of the next program's clock.
		if c, ok := g.clock.(*story.Clock); ok {
			if err := c.Keep(context.WithoutCancel(ctx)); err != nil {
				log.Warn("the clock could not be kept", "error", err)
			}
		}
	}()
	return fn(g)
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
	return newGateway(gatewayConfig{pool: pool, clock: clock, partners: p, stateDir: v.stateDir, redisURL: v.redis, timing: defaultTiming(), log: log})
}
