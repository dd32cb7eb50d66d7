//! Statements written in SQL that are prepared once a connection.
//!
//! Diesel prepares a `sql_query` at each call, because its text can vary. Here the text is a constant, so Diesel caches the
//! prepared statement.

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Double, Nullable, Text, Uuid as SqlUuid},
};
use std::marker::PhantomData;
use uuid::Uuid;

/// A statement whose rows have the SQL type `S`. Its text follows `with given as (select …)`, a row with the values by name,
/// and may begin with more common table expressions.
pub struct Statement<S> {
    sql: &'static str,
    given: Vec<(&'static str, Bind)>,
    row: PhantomData<S>,
}

/// A bound value.
#[derive(Debug, Clone)]
pub enum Bind {
    /// `text`.
    Text(Option<String>),
    /// `uuid`.
    Uuid(Option<Uuid>),
    /// `bigint`.
    Integer(Option<i64>),
    /// `double precision`.
    Float(Option<f64>),
    /// `uuid[]`.
    Uuids(Vec<Uuid>),
    /// `bigint[]`.
    Integers(Vec<i64>),
    /// `text[]`.
    Texts(Vec<String>),
}

impl<S> Statement<S> {
    /// Returns the statement `sql` over the row `given`.
    #[must_use]
    pub fn new(sql: &'static str, given: Vec<(&'static str, Bind)>) -> Statement<S> {
        Statement { sql, given, row: PhantomData }
    }
}

impl<S> Query for Statement<S> {
    type SqlType = S;
}

impl<S> QueryId for Statement<S> {
    type QueryId = ();
    // Diesel then caches by text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S> QueryFragment<Pg> for Statement<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("with given as (select ");
        for (index, (name, bind)) in self.given.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            match bind {
                Bind::Text(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Bind::Uuid(value) => out.push_bind_param::<Nullable<SqlUuid>, _>(value)?,
                Bind::Integer(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Bind::Float(value) => out.push_bind_param::<Nullable<Double>, _>(value)?,
                Bind::Uuids(values) => out.push_bind_param::<Array<SqlUuid>, _>(values)?,
                Bind::Integers(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
                Bind::Texts(values) => out.push_bind_param::<Array<Text>, _>(values)?,
            }
            out.push_sql(" as ");
            out.push_sql(name);
        }
        out.push_sql(") ");
        out.push_sql(self.sql);
        Ok(())
    }
}

/// An expression written in SQL, of the SQL type `S`, for a `select` of Diesel. Its columns are not checked before the
/// statement runs.
#[derive(Debug, Clone, Copy)]
pub struct Scalar<S> {
    sql: &'static str,
    kind: PhantomData<S>,
}

impl<S> Scalar<S> {
    /// Returns the expression `sql`.
    #[must_use]
    pub const fn new(sql: &'static str) -> Scalar<S> {
        Scalar { sql, kind: PhantomData }
    }
}

impl<S: diesel::sql_types::SqlType + diesel::expression::TypedExpressionType> Expression for Scalar<S> {
    type SqlType = S;
}

impl<S, T> AppearsOnTable<T> for Scalar<S> where Scalar<S>: Expression {}

impl<S, T> SelectableExpression<T> for Scalar<S> where Scalar<S>: Expression {}

impl<S> ValidGrouping<()> for Scalar<S> {
    type IsAggregate = is_aggregate::No;
}

impl<S> QueryId for Scalar<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S> QueryFragment<Pg> for Scalar<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.sql);
        Ok(())
    }
}
