'use strict';

// The steps of the database's schema. SCHEMA says up to which one this release
// wants it:
//
//   1  orders have a "customer"
//   2  it is called "customer_name"; "customer" is kept in step for release 1
//   3  nobody needs "customer" any more
//
// An expand only adds, so that the release before can go on with what it knows.
// A contract takes away, once that release is gone.

const schema = Number(process.env.SCHEMA);
if (![1, 2, 3].includes(schema)) throw new Error(`SCHEMA: want 1, 2 or 3, got "${process.env.SCHEMA}"`);

exports.schema = schema;

// customer is the column that this release reads and writes.
exports.customer = schema === 1 ? 'customer' : 'customer_name';

// Each statement is a transaction of its own, and can be run again when the step was
// cut short. What is marked with "repeat" runs until it changes no row.
exports.migrations = {
  expand: [
    {
      schema: 1,
      statements: [
        `create table if not exists orders (
           id bigserial primary key, customer text not null, article text not null, ordered_at timestamptz not null default now())`,
        `create table if not exists jobs (
           id text primary key, kind text not null, payload jsonb not null, done_by text not null, done_at timestamptz not null default now())`,
      ],
    },
    {
      schema: 2,
      statements: [
        // Without a default it only notes the column down, however long the table is.
        'alter table orders add column if not exists customer_name text',
        // Whoever writes one of the two columns has written both.
        `create or replace function both_customers() returns trigger language plpgsql as $$
         begin
           if tg_op = 'INSERT' then
             new.customer := coalesce(new.customer, new.customer_name);
             new.customer_name := coalesce(new.customer_name, new.customer);
           elsif new.customer_name is distinct from old.customer_name then
             new.customer := new.customer_name;
           else
             new.customer_name := new.customer;
           end if;
           return new;
         end $$`,
        'create or replace trigger both_customers before insert or update on orders for each row execute function both_customers()',
        // Only now, for no row can be added any more that lacks the name. A few rows at
        // a time, so that nobody waits long for one of them.
        {
          repeat: `update orders set customer_name = customer where id in (
                     select id from orders where customer_name is null limit 1000 for update)`,
        },
      ],
    },
  ],
  contract: [
    {
      schema: 3,
      statements: [
        'alter table orders drop constraint if exists named',
        // In two steps the rows are checked while others write.
        'alter table orders add constraint named check (customer_name is not null) not valid',
        'alter table orders validate constraint named',
        `drop trigger if exists both_customers on orders;
         drop function if exists both_customers;
         alter table orders drop column if exists customer`,
      ],
    },
  ],
};
