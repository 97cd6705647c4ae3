package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/hibiken/asynq"

	"exchequer/internal/outbox"
	"exchequer/internal/problem"
)

// work is asynq's handler. It answers nil whatever happens: when to run a row again is decided in PostgreSQL, and
// asynq must forget the task.
func (r *Runner) work(ctx context.Context, task *asynq.Task) error {
	t, err := parseTaskID(task.ResultWriter().TaskID())
	if err != nil {
		r.log.Warn("a task of somebody else stands in the queue", "error", err)
		return nil
	}
	if !r.begin(t) {
		return nil
	}
	defer r.end(t)
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	j, err := outbox.Start(ctx, r.pool, outbox.Run{Ticket: t, Worker: r.worker, Now: r.clock.Now(), Wall: r.wall()})
	if errors.Is(err, outbox.ErrStale) {
		return nil
	}
	if err != nil {
		// Not started: the row stays queued and is swept up after its lease.
		r.log.Warn("a job could not be started; it will be", "job", t.ID, "error", err)
		return nil
	}
	handler, ok := r.handlers[j.Kind]
	if !ok {
		r.fail(j, errors.New("no handler for this kind in this program"))
		return nil
	}
	r.fail(j, call(ctx, handler, j))
	return nil
}

// begin notes that this program runs the row, before PostgreSQL is told: a row that PostgreSQL says this worker runs
// and that is not noted here is nobody's. Only the same ticket again is turned away. The next ticket of a row may come
// while its last run is still on its way out, for the row was marked before; turned away it would wait a whole lease.
func (r *Runner) begin(t outbox.Ticket) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.running[t]; twice {
		return false
	}
	r.running[t] = struct{}{}
	return true
}

func (r *Runner) end(t outbox.Ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, t)
}

func (r *Runner) busy() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]int64, 0, len(r.running))
	for t := range r.running {
		ids = append(ids, t.ID)
	}
	return ids
}

// fail puts the row back unless the handler marked it. It is asked after every run, also after one without an error:
// a handler that forgot to mark its job would otherwise hold the row until the end of the program.
func (r *Runner) fail(j outbox.Job, cause error) {
	if errors.Is(cause, outbox.ErrStale) {
		return // rolled back by the handler: the effect is another run's
	}
	// The handler's context may have ended; the row must be put back all the same.
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.ShutdownTimeout)
	defer cancel()
	failures, err := outbox.Fail(ctx, r.pool, outbox.Failure{
		Ticket: outbox.Ticket{ID: j.ID, Attempt: j.Attempt}, Code: failureCode(cause),
		Wall: r.wall(), Pause: r.cfg.Backoff, MaxPause: r.cfg.MaxBackoff,
	})
	switch {
	case err != nil:
		// The sweeper finds it: it is marked as run by this worker, which does not run it.
		r.log.Warn("a failed job could not be put back; it will be", "job", j.ID, "kind", j.Kind, "error", err)
	case failures > 0:
		r.log.Warn("a job failed and will be run again", "job", j.ID, "kind", j.Kind, "failures", failures, "error", cause)
	case cause != nil:
		r.log.Info("a job came back with an error after it was marked", "job", j.ID, "kind", j.Kind, "error", cause)
	}
}

// call runs a handler and makes an error of a panic, so that one bad row does not end the program.
func call(ctx context.Context, h Handler, j outbox.Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in job %d of kind %s: %v\n%s", j.ID, j.Kind, p, debug.Stack())
		}
	}()
	return h(ctx, j)
}

func failureCode(cause error) string {
	switch {
	case cause == nil:
		return outbox.LeftOpen
	case errors.Is(cause, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(cause, context.Canceled):
		return "cancelled"
	}
	return string(problem.CodeOf(cause))
}
