module outside

go 1.26.0

require (
	exchequer v0.0.0
	github.com/jackc/pgx/v5 v5.12.0
)

replace exchequer => ../../..
