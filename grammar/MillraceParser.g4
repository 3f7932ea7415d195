// The SQL dialect of Millrace. Rules only give structure; what a word means (a type, an interval
// unit, a function with a syntax of its own) is decided by the AST builder, so that few words need
// to be keywords.
parser grammar MillraceParser;

options { tokenVocab = MillraceLexer; }

script : statement? (SEMI statement?)* EOF ;
singleExpression : expression EOF ;

statement
  : queryStatement
  | insertStatement
  | updateStatement
  | deleteStatement
  | truncateStatement
  | statementSet
  | createTable
  | createMaterializedTable
  | createView
  | createMaterializedView
  | createIndex
  | createFunction
  | createCatalog
  | createDatabase
  | createSource
  | createSink
  | createSubscription
  | dropStatement
  | alterStatement
  | explainStatement
  | showStatement
  | describeStatement
  | setStatement
  | resetStatement
  | useStatement
  | jobStatement
  | flushStatement
  | printStatement
  | subscribeStatement
  | cursorStatement
  | unsupportedStatement
  ;

// ------------------------------------------------------------------------------------ statements

queryStatement : K_EXECUTE? query ;

insertStatement
  : K_EXECUTE? K_INSERT (K_INTO | K_OVERWRITE) K_TABLE? qualifiedName hint? partitionSpec?
    columnNames? query onConflict?
  ;
onConflict : K_ON K_CONFLICT K_DO (K_NOTHING | K_ERROR | K_DEDUPLICATE) ;
partitionSpec : K_PARTITION LPAREN partitionItem (COMMA partitionItem)* RPAREN ;
partitionItem : label (EQ expression)? ;
columnNames : LPAREN label (COMMA label)* RPAREN ;

updateStatement
  : K_UPDATE qualifiedName (K_AS? bareAlias)? K_SET assignment (COMMA assignment)*
    (K_WHERE expression)?
  ;
assignment : label EQ expression ;
deleteStatement : K_DELETE K_FROM qualifiedName (K_AS? bareAlias)? (K_WHERE expression)? ;
truncateStatement : K_TRUNCATE K_TABLE qualifiedName ;

statementSet
  : K_EXECUTE K_STATEMENT K_SET K_BEGIN (insertStatement SEMI)+ K_END
  | K_BEGIN K_STATEMENT K_SET SEMI (insertStatement SEMI)+ K_END
  ;
explainedSet
  : K_STATEMENT K_SET K_BEGIN (insertStatement SEMI)+ K_END
  | K_BEGIN K_STATEMENT K_SET SEMI (insertStatement SEMI)+ K_END
  ;

explainStatement
  : K_EXPLAIN (K_PLAN K_FOR | explainDetail (COMMA explainDetail)*
    | LPAREN explainDetail (COMMA explainDetail)* RPAREN)?
    (explainedSet | queryStatement | insertStatement | updateStatement | deleteStatement
    | statementSet | createTable | createView | createMaterializedView | createMaterializedTable
    | createSink | subscribeStatement)
  ;
explainDetail
  : K_ESTIMATED_COST | K_CHANGELOG_MODE | K_PLAN_ADVICE | K_JSON_EXECUTION_PLAN | K_ANALYZE
  | K_VERBOSE
  ;

// ------------------------------------------------------------------------------------------- DDL

ifNotExists : K_IF K_NOT K_EXISTS ;
ifExists : K_IF K_EXISTS ;
createOrReplace : K_CREATE (K_OR K_REPLACE)? | K_REPLACE ;
comment : K_COMMENT string ;
withOptions : K_WITH optionList ;
optionList : LPAREN (option (COMMA option)* COMMA?)? RPAREN ;
option : optionKey EQ optionValue ;
optionKey : string | label (DOT label)* ;
optionValue : string | MINUS? (INTEGER | DECIMAL | APPROXIMATE) | label (DOT label)* ;

createTable
  : (K_CREATE K_TEMPORARY? | createOrReplace) K_TABLE ifNotExists? qualifiedName tableElements?
    comment? (distribution | partitionedBy)* withOptions? (likeClause | K_AS query)?
  ;
createMaterializedTable
  : K_CREATE (K_OR K_ALTER)? K_MATERIALIZED K_TABLE ifNotExists? qualifiedName tableElements?
    comment? (distribution | partitionedBy)* withOptions?
    (K_FRESHNESS EQ expression)? (K_REFRESH_MODE EQ (K_CONTINUOUS | K_FULL))? K_AS query
  ;
tableElements : LPAREN (tableElement (COMMA tableElement)* COMMA?)? RPAREN ;
tableElement : watermark | tableConstraint | columnDef | STAR ;
watermark : K_WATERMARK K_FOR qualifiedName K_AS expression ;
tableConstraint : (K_CONSTRAINT label)? K_PRIMARY K_KEY columnNames (K_NOT K_ENFORCED)? ;
columnDef
  : label typeName columnOption*
  | label K_AS expression comment?
  | label
  ;
columnOption
  : K_METADATA (K_FROM (string | BACKTICK | DOUBLE_QUOTED))? K_VIRTUAL?
  | (K_CONSTRAINT label)? K_PRIMARY K_KEY (K_NOT K_ENFORCED)?
  | comment
  ;
distribution
  : (K_DISTRIBUTED | K_DISTRIBUTION)
    (K_BY label? columnNames (K_INTO INTEGER K_BUCKETS)? | K_INTO INTEGER K_BUCKETS)
  ;
partitionedBy : K_PARTITIONED K_BY columnNames ;
likeClause : K_LIKE qualifiedName (LPAREN likeOption+ RPAREN)? ;
likeOption
  : (K_INCLUDING | K_EXCLUDING | K_OVERWRITING)
    (K_ALL | K_CONSTRAINTS | K_DISTRIBUTION | K_PARTITIONS | K_GENERATED | K_METADATA | K_OPTIONS
    | K_WATERMARKS)
  ;

createView
  : (K_CREATE K_TEMPORARY? | createOrReplace) K_VIEW ifNotExists? qualifiedName viewColumns?
    comment? K_AS query
  ;
viewColumns : LPAREN viewColumn (COMMA viewColumn)* RPAREN ;
viewColumn : label comment? ;
createMaterializedView
  : createOrReplace K_MATERIALIZED K_VIEW ifNotExists? qualifiedName viewColumns? comment?
    withOptions? K_AS query
  ;
createIndex
  : K_CREATE K_INDEX ifNotExists? identifier K_ON qualifiedName LPAREN sortItem (COMMA sortItem)*
    RPAREN (K_INCLUDE columnNames)?
  ;
createFunction
  : (K_CREATE (K_TEMPORARY K_SYSTEM?)? | createOrReplace) K_FUNCTION ifNotExists? qualifiedName
    (functionParameters K_RETURNS typeName K_RETURN expression
    | K_AS string (K_LANGUAGE identifier)? (K_USING K_JAR string (COMMA K_JAR string)*)?)
  ;
functionParameters : LPAREN (functionParameter (COMMA functionParameter)*)? RPAREN ;
functionParameter : label typeName ;
createCatalog : K_CREATE K_CATALOG ifNotExists? identifier comment? withOptions? ;
createDatabase : K_CREATE K_DATABASE ifNotExists? qualifiedName comment? withOptions? ;

createSource
  : K_CREATE K_SOURCE ifNotExists? qualifiedName tableElements? includeColumn* withOptions?
    formatEncode?
  ;
includeColumn : K_INCLUDE identifier string? (K_AS label)? ;
createSink
  : K_CREATE K_SINK ifNotExists? qualifiedName (K_INTO qualifiedName columnNames?)?
    (K_FROM qualifiedName emit? | K_AS query) withOptions? formatEncode?
  ;
formatEncode
  : K_FORMAT identifier K_ENCODE identifier optionList? (K_KEY K_ENCODE identifier optionList?)?
  ;
createSubscription
  : K_CREATE K_SUBSCRIPTION ifNotExists? qualifiedName K_FROM qualifiedName withOptions?
  ;

dropStatement
  : K_DROP K_TEMPORARY? K_SYSTEM? objectKind ifExists? qualifiedName (K_RESTRICT | K_CASCADE)?
  ;
objectKind
  : K_TABLE | K_VIEW | K_MATERIALIZED K_VIEW | K_MATERIALIZED K_TABLE | K_FUNCTION | K_DATABASE
  | K_CATALOG | K_MODEL | K_INDEX | K_SOURCE | K_SINK | K_SUBSCRIPTION | K_JOB
  ;

alterStatement
  : K_ALTER (K_TABLE | K_MATERIALIZED K_TABLE) ifExists? qualifiedName alterTableAction
  | K_ALTER (K_VIEW | K_MATERIALIZED K_VIEW) ifExists? qualifiedName
    (renameTo | setOptions | K_AS query)
  | K_ALTER (K_DATABASE | K_CATALOG) qualifiedName (setOptions | resetOptions | comment)
  | K_ALTER (K_SOURCE | K_SINK) qualifiedName (alterTableAction)
  | K_ALTER K_TEMPORARY? K_SYSTEM? K_FUNCTION ifExists? qualifiedName K_AS string
    (K_LANGUAGE identifier)?
  ;
alterTableAction
  : K_ADD ifNotExists? newPartition+
  | (K_ADD | K_MODIFY) (alterElement | LPAREN alterElement (COMMA alterElement)* RPAREN)
  | (K_ADD | K_MODIFY) distribution
  | K_DROP dropFromTable
  | K_RENAME qualifiedName K_TO label
  | renameTo
  | setOptions
  | resetOptions
  | K_SUSPEND
  | K_RESUME withOptions?
  | K_REFRESH partitionSpec?
  | K_AS query
  ;
newPartition : partitionSpec withOptions? ;
alterElement : watermark | tableConstraint | columnDef (K_FIRST | K_AFTER label)? ;
dropFromTable
  : partitionSpec (COMMA partitionSpec)*
  | K_PRIMARY K_KEY
  | K_CONSTRAINT label
  | K_WATERMARK
  | K_DISTRIBUTION
  | columnNames
  | label
  ;
renameTo : K_RENAME K_TO qualifiedName ;
setOptions : K_SET optionList ;
resetOptions : K_RESET LPAREN optionKey (COMMA optionKey)* RPAREN ;

// --------------------------------------------------------------------------- catalog and session

showStatement
  : K_SHOW K_CREATE (K_OR K_ALTER)? objectKind qualifiedName
  | K_SHOW K_COLUMNS (K_FROM | K_IN) qualifiedName likePattern?
  | K_SHOW K_PARTITIONS qualifiedName partitionSpec?
  | K_SHOW showWhat ((K_FROM | K_IN) qualifiedName)? likePattern? withOptions?
  ;
showWhat
  : K_CATALOGS | K_DATABASES | K_TABLES | K_VIEWS | K_MATERIALIZED (K_TABLES | K_VIEWS)
  | K_USER? K_FUNCTIONS | K_PROCEDURES | K_FULL? K_MODULES | K_MODELS | K_JARS | K_JOBS | K_TOPICS
  | K_SOURCES | K_SINKS | K_SUBSCRIPTIONS | K_INDEXES | K_CURRENT (K_CATALOG | K_DATABASE)
  ;
likePattern : K_NOT? (K_LIKE | K_ILIKE) string ;
describeStatement
  : (K_DESCRIBE | K_DESC)
    ( K_JOB string
    | (K_CATALOG | K_DATABASE | K_FUNCTION) K_EXTENDED? qualifiedName
    | K_TABLE? K_EXTENDED? qualifiedName)
  ;
setStatement : K_SET option? ;
resetStatement : K_RESET optionKey? ;
useStatement
  : K_USE K_CATALOG identifier
  | K_USE K_MODULES identifier (COMMA identifier)*
  | K_USE qualifiedName
  ;
jobStatement
  : K_STOP K_JOB string (K_WITH K_SAVEPOINT)? (K_WITH K_DRAIN)?
  | (K_PAUSE | K_RESUME | K_TERMINATE) K_JOB? (K_ALL | string | identifier)
  ;
flushStatement : K_FLUSH ;
printStatement
  : K_PRINT (string | qualifiedName) (K_FROM K_BEGINNING)? ((K_INTERVAL | K_SAMPLE) INTEGER)?
    (K_LIMIT INTEGER)? withOptions?
  ;
subscribeStatement
  : K_SUBSCRIBE K_TO? (qualifiedName | LPAREN query RPAREN)
    (K_ENVELOPE (K_UPSERT | K_DEBEZIUM) LPAREN K_KEY columnNames RPAREN)?
    (K_WITHIN K_TIMESTAMP K_ORDER K_BY sortItem (COMMA sortItem)*)?
    withOptions? (K_AS K_OF (K_AT K_LEAST)? expression)? (K_UP K_TO expression)?
  ;
cursorStatement
  : K_DECLARE identifier K_SUBSCRIPTION K_CURSOR K_FOR qualifiedName (K_FULL | K_SINCE expression)?
  | K_FETCH (K_NEXT | INTEGER) K_FROM identifier withOptions?
  | K_CLOSE identifier
  ;

// Known statements that are refused later, with their position.
unsupportedStatement : unsupportedWords anyToken* ;
unsupportedWords
  : K_CALL
  | K_ANALYZE K_TABLE
  | (K_ADD | K_REMOVE) K_JAR
  | (K_LOAD | K_UNLOAD) K_MODULE
  | K_COMPILE (K_AND K_EXECUTE)? K_PLAN
  | K_EXECUTE K_PLAN
  | (K_CREATE | K_ALTER) K_TEMPORARY? K_MODEL
  | K_CREATE K_CONNECTION
  | K_ASSERT (K_NOT K_EXISTS)? (K_TOPIC | K_SCHEMA)
  | K_DEFINE
  | K_UNDEFINE
  ;
anyToken : ~SEMI ;

// --------------------------------------------------------------------------------------- queries

query : withClause? queryBody queryTail* ;
withClause : K_WITH K_RECURSIVE? commonTable (COMMA commonTable)* ;
commonTable
  : identifier columnNames? K_AS LPAREN query RPAREN
  | identifier K_AS K_CHANGELOG K_FROM qualifiedName
  ;
queryBody
  : querySpecification
  | valuesClause
  | K_TABLE qualifiedName
  | LPAREN query RPAREN
  | queryBody K_INTERSECT setQuantifier? queryBody
  | queryBody (K_UNION | K_EXCEPT) setQuantifier? queryBody
  ;
setQuantifier : K_ALL | K_DISTINCT ;
valuesClause : K_VALUES valuesRow (COMMA valuesRow)* ;
valuesRow : (K_ROW? LPAREN expression (COMMA expression)* RPAREN) | expression ;
queryTail
  : K_ORDER K_BY sortItem (COMMA sortItem)*
  | K_LIMIT (valueExpression | K_ALL)
  | K_OFFSET valueExpression (K_ROW | K_ROWS)?
  | K_FETCH (K_FIRST | K_NEXT) valueExpression? (K_ROW | K_ROWS) K_ONLY
  | emit
  ;
sortItem : expression (K_ASC | K_DESC)? (K_NULLS (K_FIRST | K_LAST))? ;
emit
  : K_EMIT (K_CHANGES | K_FINAL | K_IMMEDIATELY | K_ON K_WINDOW K_CLOSE
    (K_WITH K_GRACE valueExpression)?)
  ;

querySpecification
  : K_SELECT hint? setQuantifier? selectItem (COMMA selectItem)*
    (K_FROM joinedTable (COMMA joinedTable)*)?
    (K_WHERE expression)?
    (K_GROUP K_BY setQuantifier? groupElement (COMMA groupElement)*)?
    (K_HAVING expression)?
    (K_WINDOW namedWindow (COMMA namedWindow)*)?
    (K_QUALIFY expression)?
  ;
selectItem
  : STAR
  | qualifiedName DOT STAR
  | expression (K_AS label | bareAlias)?
  ;
groupElement
  : K_GROUPING K_SETS LPAREN groupElement (COMMA groupElement)* RPAREN
  | (K_ROLLUP | K_CUBE) LPAREN groupElement (COMMA groupElement)* RPAREN
  | LPAREN (expression (COMMA expression)*)? RPAREN
  | expression
  ;
namedWindow : identifier K_AS LPAREN windowSpec RPAREN ;
windowSpec
  : identifier? (K_PARTITION K_BY expression (COMMA expression)*)?
    (K_ORDER K_BY sortItem (COMMA sortItem)*)? frame?
  ;
frame : (K_ROWS | K_RANGE) (frameBound | K_BETWEEN frameBound K_AND frameBound) ;
frameBound
  : K_UNBOUNDED (K_PRECEDING | K_FOLLOWING)
  | K_CURRENT K_ROW
  | valueExpression (K_PRECEDING | K_FOLLOWING)
  ;
hint : HINT_START (hintItem (COMMA? hintItem)*)? HINT_END ;
hintItem : identifier (LPAREN (hintArgument (COMMA hintArgument)*)? RPAREN)? ;
hintArgument : hintWord (EQ hintWord)? ;
hintWord : string | INTEGER | DECIMAL | identifier (DOT identifier)* ;

joinedTable : tableFactor joinSuffix* ;
joinSuffix
  : K_CROSS K_JOIN tableFactor
  | K_NATURAL joinKind? K_JOIN tableFactor
  | joinKind? K_JOIN tableFactor joinWithin? joinCondition
  ;
joinKind : K_INNER | (K_LEFT | K_RIGHT | K_FULL) K_OUTER? ;
joinCondition : K_ON expression | K_USING columnNames ;
joinWithin
  : K_WITHIN (duration | LPAREN duration COMMA duration RPAREN) (K_GRACE K_PERIOD duration)?
  ;
duration : INTEGER identifier ;
tableFactor : tablePrimary (K_MATCH_RECOGNIZE LPAREN matchRecognize RPAREN tableAlias?)? ;
tablePrimary
  : K_LATERAL? LPAREN query RPAREN tableAlias?
  | LPAREN joinedTable RPAREN
  | K_LATERAL? K_UNNEST LPAREN expression (COMMA expression)* RPAREN (K_WITH K_ORDINALITY)?
    tableAlias?
  | K_LATERAL? K_TABLE LPAREN qualifiedName callSuffix RPAREN tableAlias?
  | K_LATERAL? qualifiedName callSuffix tableAlias?
  | qualifiedName hint? systemTime? hint? tableAlias?
  ;
systemTime : K_FOR K_SYSTEM_TIME K_AS K_OF valueExpression ;
tableAlias : (K_AS identifier | bareAlias) columnNames? ;

matchRecognize
  : (K_PARTITION K_BY expression (COMMA expression)*)?
    (K_ORDER K_BY sortItem (COMMA sortItem)*)?
    (K_MEASURES measure (COMMA measure)*)?
    ((K_ONE K_ROW | K_ALL K_ROWS) K_PER K_MATCH)?
    (K_AFTER K_MATCH K_SKIP skipTarget)?
    K_PATTERN LPAREN pattern RPAREN
    (K_WITHIN valueExpression)?
    (K_SUBSET patternSubset (COMMA patternSubset)*)?
    K_DEFINE patternDefinition (COMMA patternDefinition)*
  ;
measure : (K_FINAL | K_RUNNING)? expression K_AS label ;
skipTarget
  : K_PAST K_LAST K_ROW
  | K_TO K_NEXT K_ROW
  | K_TO (K_FIRST | K_LAST) identifier
  | K_TO identifier
  ;
pattern : patternSequence (PIPE patternSequence)* ;
patternSequence : patternTerm+ ;
patternTerm : patternPrimary patternQuantifier? ;
patternPrimary
  : identifier
  | LPAREN pattern RPAREN
  | LBRACE MINUS pattern MINUS RBRACE
  | K_PERMUTE LPAREN pattern (COMMA pattern)* RPAREN
  ;
patternQuantifier
  : (STAR | PLUS) QUESTION?
  | QUESTION QUESTION?
  | LBRACE (INTEGER (COMMA INTEGER?)? | COMMA INTEGER) RBRACE QUESTION?
  ;
patternSubset : identifier EQ columnNames ;
patternDefinition : identifier K_AS expression ;

// ----------------------------------------------------------------------------------- expressions

expression
  : K_NOT expression
  | predicate
  | expression K_AND expression
  | expression K_OR expression
  ;
predicate : valueExpression predicateSuffix* ;
predicateSuffix
  : comparison (K_ANY | K_SOME | K_ALL) LPAREN query RPAREN
  | comparison valueExpression
  | K_NOT? K_BETWEEN (K_SYMMETRIC | K_ASYMMETRIC)? valueExpression K_AND valueExpression
  | K_NOT? K_IN LPAREN query RPAREN
  | K_NOT? K_IN LPAREN expression (COMMA expression)* RPAREN
  | K_NOT? (K_LIKE | K_ILIKE | K_SIMILAR K_TO) valueExpression (K_ESCAPE valueExpression)?
  | K_IS K_NOT? K_DISTINCT K_FROM valueExpression
  | K_IS K_NOT? (K_NULL | K_TRUE | K_FALSE | K_UNKNOWN
    | K_JSON (K_VALUE | K_SCALAR | K_ARRAY | K_OBJECT)?)
  | K_OVERLAPS valueExpression
  ;
comparison : EQ | NE | LT | LE | GT | GE ;
valueExpression
  : postfixExpression
  | (MINUS | PLUS) valueExpression
  | valueExpression (STAR | SLASH | PERCENT | CONCAT) valueExpression
  | valueExpression (PLUS | MINUS) valueExpression
  ;
postfixExpression : primary postfix* ;
postfix
  : LBRACKET expression RBRACKET
  | DOT label
  | DOUBLE_COLON typeName
  ;
primary
  : literal
  | K_CASE expression? whenClause+ (K_ELSE expression)? K_END
  | (K_CAST | K_TRY_CAST) LPAREN expression K_AS typeName RPAREN
  | K_EXISTS LPAREN query RPAREN
  | K_ARRAY LBRACKET (expression (COMMA expression)*)? RBRACKET
  | K_MAP LBRACKET (expression (COMMA expression)*)? RBRACKET
  | K_ROW LPAREN (expression (COMMA expression)*)? RPAREN
  | K_TABLE (qualifiedName | LPAREN query RPAREN) tableArgumentClause*
  | LPAREN query RPAREN
  | LPAREN expression (COMMA expression)* RPAREN
  | K_POSITION LPAREN valueExpression K_IN valueExpression RPAREN
  | (qualifiedName | K_LEFT | K_RIGHT) callSuffix
  | qualifiedName
  | QUESTION
  | PARAMETER
  ;
whenClause : K_WHEN expression K_THEN expression ;
tableArgumentClause
  : K_PARTITION K_BY (LPAREN expression (COMMA expression)* RPAREN | expression)
  | K_ORDER K_BY (LPAREN sortItem (COMMA sortItem)* RPAREN | sortItem)
  ;
callSuffix
  : LPAREN callArguments? RPAREN nullTreatment? withinGroup? filterClause? nullTreatment?
    overClause?
  ;
callArguments
  : STAR
  | (K_BOTH | K_LEADING | K_TRAILING) expression? K_FROM expression
  | setQuantifier? argument
    ( K_TO label
    | K_FROM expression (K_FOR expression)?
    | K_PLACING expression K_FROM expression (K_FOR expression)?
    | (COMMA argument)* (K_ORDER K_BY sortItem (COMMA sortItem)*)? nullTreatment? jsonClause*)
  | jsonClause+
  ;
argument
  : label ARROW expression
  | K_KEY expression (K_VALUE | COLON) expression
  | expression ((K_VALUE | COLON) expression)?
  ;
jsonClause
  : K_RETURNING typeName
  | (K_NULL | K_ERROR | K_EMPTY (K_ARRAY | K_OBJECT)? | K_TRUE | K_FALSE | K_UNKNOWN | K_ABSENT
    | K_DEFAULT valueExpression) K_ON (K_NULL | K_EMPTY | K_ERROR)
  | (K_WITHOUT K_ARRAY? | K_WITH (K_CONDITIONAL | K_UNCONDITIONAL)? K_ARRAY?) K_WRAPPER
  | (K_WITH | K_WITHOUT) K_UNIQUE K_KEYS?
  ;
nullTreatment : (K_IGNORE | K_RESPECT) K_NULLS ;
withinGroup : K_WITHIN K_GROUP LPAREN K_ORDER K_BY sortItem (COMMA sortItem)* RPAREN ;
filterClause : K_FILTER LPAREN K_WHERE expression RPAREN ;
overClause : K_OVER (identifier | LPAREN windowSpec RPAREN) ;

literal
  : K_NULL
  | K_TRUE
  | K_FALSE
  | INTEGER
  | DECIMAL
  | APPROXIMATE
  | string
  | BINARY_STRING
  | (K_DATE | K_TIME | K_TIMESTAMP | K_TIMESTAMP_LTZ) string
  | K_TIMESTAMP K_WITH K_LOCAL K_TIME K_ZONE string
  | K_INTERVAL (MINUS | PLUS)? string intervalQualifier?
  ;
intervalQualifier : intervalUnit (K_TO intervalUnit)? ;
intervalUnit : identifier (LPAREN INTEGER (COMMA INTEGER)? RPAREN)? ;
string : STRING | UNICODE_STRING ;

// ------------------------------------------------------------------------------------ data types

typeName : baseType (K_ARRAY | K_MULTISET | LBRACKET RBRACKET)* (K_NOT? K_NULL)? ;
baseType
  : (K_ARRAY | K_MULTISET) LT typeName GT
  | K_MAP LT typeName COMMA typeName GT
  | K_ROW (LT rowField (COMMA rowField)* GT | LPAREN rowField (COMMA rowField)* RPAREN | NE)
  | K_STRUCTURED LT string (COMMA rowField)* GT
  | K_RAW LPAREN string (COMMA string)? RPAREN
  | K_INTERVAL intervalQualifier
  | (K_TIMESTAMP | K_TIME) typeParameters? ((K_WITH K_LOCAL? | K_WITHOUT) K_TIME K_ZONE)?
  | K_DOUBLE K_PRECISION
  | identifier K_VARYING typeParameters?
  | identifier typeParameters?
  ;
typeParameters : LPAREN INTEGER (COMMA INTEGER)* RPAREN ;
rowField : label typeName string? ;

// ----------------------------------------------------------------------------------------- names

qualifiedName : identifier (DOT label)* ;
identifier : IDENTIFIER | BACKTICK | DOUBLE_QUOTED | plainWord | tailWord ;
// An alias without AS.
bareAlias : IDENTIFIER | BACKTICK | DOUBLE_QUOTED | plainWord ;
// After AS or a dot, and where a column is declared, every word is a name.
label : identifier | reservedWord ;

// Keywords that are names wherever a name may stand ...
plainWord
  : K_ABSENT | K_ADD | K_AFTER | K_ALTER | K_ANALYZE | K_ANY | K_ARRAY | K_ASC | K_ASSERT
  | K_ASYMMETRIC | K_AT | K_BEGIN | K_BEGINNING | K_BOTH | K_BUCKETS | K_CALL | K_CASCADE
  | K_CATALOG | K_CATALOGS | K_CHANGELOG | K_CHANGELOG_MODE | K_CHANGES | K_CLOSE | K_COLUMNS
  | K_COMMENT | K_COMPILE | K_CONDITIONAL | K_CONFLICT | K_CONNECTION | K_CONSTRAINT | K_CONSTRAINTS
  | K_CONTINUOUS | K_CUBE | K_CURRENT | K_CURSOR | K_DATABASE | K_DATABASES | K_DATE | K_DEBEZIUM
  | K_DECLARE | K_DEDUPLICATE | K_DEFAULT | K_DEFINE | K_DELETE | K_DESC | K_DESCRIBE
  | K_DISTRIBUTED | K_DISTRIBUTION | K_DO | K_DOUBLE | K_DRAIN | K_DROP | K_EMPTY | K_ENCODE | K_END
  | K_ENFORCED | K_ENVELOPE | K_ERROR | K_ESTIMATED_COST | K_EXCLUDING | K_EXECUTE | K_EXPLAIN
  | K_EXTENDED | K_FINAL | K_FIRST | K_FLUSH | K_FOLLOWING | K_FRESHNESS | K_FUNCTION | K_FUNCTIONS
  | K_GENERATED | K_GROUPING | K_IF | K_IMMEDIATELY | K_INCLUDE | K_INCLUDING | K_INDEX
  | K_INDEXES | K_INSERT | K_INTERVAL | K_JAR | K_JARS | K_JOB | K_JOBS | K_JSON
  | K_JSON_EXECUTION_PLAN | K_KEY | K_KEYS | K_LANGUAGE | K_LAST | K_LEADING | K_LEAST | K_LOAD
  | K_LOCAL | K_MAP | K_MATCH | K_MATERIALIZED | K_MEASURES | K_METADATA | K_MODEL | K_MODELS
  | K_MODIFY | K_MODULE | K_MODULES | K_MULTISET | K_NEXT | K_NOTHING | K_NULLS | K_OBJECT | K_OF
  | K_ONE | K_ONLY | K_OPTIONS | K_ORDINALITY | K_OVERWRITE | K_OVERWRITING | K_PARTITION
  | K_PARTITIONED | K_PARTITIONS | K_PAST | K_PATTERN | K_PAUSE | K_PER | K_PERIOD | K_PERMUTE
  | K_PLACING | K_PLAN | K_PLAN_ADVICE | K_POSITION | K_PRECEDING | K_PRECISION | K_PRIMARY
  | K_PRINT | K_PROCEDURES | K_RANGE | K_RAW | K_RECURSIVE | K_REFRESH | K_REFRESH_MODE | K_REMOVE
  | K_RENAME | K_REPLACE | K_RESET | K_RESTRICT | K_RESUME | K_RETURN | K_RETURNING | K_RETURNS
  | K_ROLLUP | K_ROW | K_ROWS | K_RUNNING | K_SAMPLE | K_SAVEPOINT | K_SCALAR | K_SCHEMA | K_SETS
  | K_SHOW | K_SINCE | K_SINK | K_SINKS | K_SKIP | K_SOME | K_SOURCE | K_SOURCES | K_STATEMENT
  | K_STOP | K_STRUCTURED | K_SUBSCRIBE | K_SUBSCRIPTION | K_SUBSCRIPTIONS | K_SUBSET | K_SUSPEND
  | K_SYMMETRIC | K_SYSTEM | K_SYSTEM_TIME | K_TABLES | K_TEMPORARY | K_TERMINATE | K_TIME
  | K_TIMESTAMP | K_TIMESTAMP_LTZ | K_TO | K_TOPIC | K_TOPICS | K_TRAILING | K_TRUNCATE
  | K_UNBOUNDED | K_UNCONDITIONAL | K_UNDEFINE | K_UNIQUE | K_UNKNOWN | K_UNLOAD | K_UP | K_UPDATE
  | K_UPSERT | K_USE | K_USER | K_VALUE | K_VARYING | K_VERBOSE | K_VIEW | K_VIEWS | K_VIRTUAL
  | K_WATERMARK | K_WATERMARKS | K_WITHOUT | K_WRAPPER | K_ZONE
  ;
// ... unless an alias without AS could stand there: these may follow an expression or a table.
tailWord
  : K_EMIT | K_ESCAPE | K_FETCH | K_FILTER | K_FORMAT | K_GRACE | K_IGNORE | K_ILIKE
  | K_MATCH_RECOGNIZE | K_OFFSET | K_OVER | K_OVERLAPS | K_RESPECT | K_SET | K_SIMILAR | K_WINDOW
  | K_WITHIN
  ;
// Names only after AS or a dot, or in quotes.
reservedWord
  : K_ALL | K_AND | K_AS | K_BETWEEN | K_BY | K_CASE | K_CAST | K_CREATE | K_CROSS | K_DISTINCT
  | K_ELSE | K_EXCEPT | K_EXISTS | K_FALSE | K_FOR | K_FROM | K_FULL | K_GROUP | K_HAVING | K_IN
  | K_INNER | K_INTERSECT | K_INTO | K_IS | K_JOIN | K_LATERAL | K_LEFT | K_LIKE | K_LIMIT
  | K_NATURAL | K_NOT | K_NULL | K_ON | K_OR | K_ORDER | K_OUTER | K_QUALIFY | K_RIGHT | K_SELECT
  | K_TABLE | K_THEN | K_TRUE | K_TRY_CAST | K_UNION | K_UNNEST | K_USING | K_VALUES | K_WHEN
  | K_WHERE | K_WITH
  ;
